export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  "public": {
    Tables: {
      "agent_assignments": {
        Row: {
          "agent": string;
          "client_id": string;
          "ends_at": string;
          "id": string;
          "starts_at": string;
        };
        ComputedFields: never;
        Insert: {
          "agent": string;
          "client_id": string;
          "ends_at"?: string;
          "id"?: string;
          "starts_at"?: string;
        };
        Update: {
          "agent"?: string;
          "client_id"?: string;
          "ends_at"?: string;
          "id"?: string;
          "starts_at"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "agent_assignments_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "agent_usage_logs": {
        Row: {
          "agent": string;
          "calls": number;
          "client_id": string | null;
          "corrects_id": string | null;
          "created_at": string;
          "endpoint": string | null;
          "feature_cost": number;
          "id": string;
          "input_cost": number;
          "input_tokens": number;
          "metadata": NonNullable<Json>;
          "model": string;
          "other_features": NonNullable<Json>;
          "output_cost": number;
          "output_tokens": number;
          "seq": number;
          "stored_by": unknown;
          "timestamp": string;
          "total_cost": number;
          "web_searches": number;
        };
        ComputedFields: never;
        Insert: {
          "agent": string;
          "calls"?: number;
          "client_id"?: string | null;
          "corrects_id"?: string | null;
          "created_at"?: string;
          "endpoint"?: string | null;
          "feature_cost"?: number;
          "id"?: string;
          "input_cost"?: number;
          "input_tokens"?: number;
          "metadata"?: NonNullable<Json>;
          "model": string;
          "other_features"?: NonNullable<Json>;
          "output_cost"?: number;
          "output_tokens"?: number;
          "seq"?: never;
          "stored_by"?: never;
          "timestamp"?: string;
          "total_cost"?: number;
          "web_searches"?: number;
        };
        Update: {
          "agent"?: string;
          "calls"?: number;
          "client_id"?: string | null;
          "corrects_id"?: string | null;
          "created_at"?: string;
          "endpoint"?: string | null;
          "feature_cost"?: number;
          "id"?: string;
          "input_cost"?: number;
          "input_tokens"?: number;
          "metadata"?: NonNullable<Json>;
          "model"?: string;
          "other_features"?: NonNullable<Json>;
          "output_cost"?: number;
          "output_tokens"?: number;
          "seq"?: never;
          "stored_by"?: never;
          "timestamp"?: string;
          "total_cost"?: number;
          "web_searches"?: number;
        };
        Relationships: [];
      };
      "auto_recharges": {
        Row: {
          "amount_minor": number | null;
          "client_id": string;
          "currency": string;
          "expires_after_days": number | null;
          "monthly_cap_minor": number;
          "paused": boolean;
          "target_minor": number | null;
          "threshold_minor": number;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor"?: number | null;
          "client_id": string;
          "currency": string;
          "expires_after_days"?: number | null;
          "monthly_cap_minor": number;
          "paused"?: boolean;
          "target_minor"?: number | null;
          "threshold_minor": number;
        };
        Update: {
          "amount_minor"?: number | null;
          "client_id"?: string;
          "currency"?: string;
          "expires_after_days"?: number | null;
          "monthly_cap_minor"?: number;
          "paused"?: boolean;
          "target_minor"?: number | null;
          "threshold_minor"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "auto_recharges_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: true;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "auto_recharges_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
        ];
      };
      "balance_entries": {
        Row: {
          "amount_minor": number;
          "client_id": string;
          "created_at": string;
          "credit_note_id": string | null;
          "currency": string;
          "id": string;
          "invoice_id": string | null;
          "note": string | null;
          "reason": string;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "client_id": string;
          "created_at": string;
          "credit_note_id"?: string | null;
          "currency": string;
          "id"?: string;
          "invoice_id"?: string | null;
          "note"?: string | null;
          "reason": string;
        };
        Update: {
          "amount_minor"?: number;
          "client_id"?: string;
          "created_at"?: string;
          "credit_note_id"?: string | null;
          "currency"?: string;
          "id"?: string;
          "invoice_id"?: string | null;
          "note"?: string | null;
          "reason"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "balance_entries_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "balance_entries_credit_note_id_fkey";
            columns: ["credit_note_id"];
            isOneToOne: false;
            referencedRelation: "credit_notes";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "balance_entries_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
          {
            foreignKeyName: "balance_entries_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "billing_config": {
        Row: {
          "client_id": string | null;
          "created_at": string;
          "currency": string | null;
          "deliveries": (string)[] | null;
          "discount_minor": number | null;
          "discount_percent": number | null;
          "discount_until": string | null;
          "effective_from": string;
          "effective_until": string;
          "grace_hours": number | null;
          "id": string;
          "line_grouping": string | null;
          "minimum_minor": number | null;
          "payment_terms_days": number | null;
          "taxes": Json | null;
        };
        ComputedFields: never;
        Insert: {
          "client_id"?: string | null;
          "created_at"?: string;
          "currency"?: string | null;
          "deliveries"?: (string)[] | null;
          "discount_minor"?: number | null;
          "discount_percent"?: number | null;
          "discount_until"?: string | null;
          "effective_from"?: string;
          "effective_until"?: string;
          "grace_hours"?: number | null;
          "id"?: string;
          "line_grouping"?: string | null;
          "minimum_minor"?: number | null;
          "payment_terms_days"?: number | null;
          "taxes"?: Json | null;
        };
        Update: {
          "client_id"?: string | null;
          "created_at"?: string;
          "currency"?: string | null;
          "deliveries"?: (string)[] | null;
          "discount_minor"?: number | null;
          "discount_percent"?: number | null;
          "discount_until"?: string | null;
          "effective_from"?: string;
          "effective_until"?: string;
          "grace_hours"?: number | null;
          "id"?: string;
          "line_grouping"?: string | null;
          "minimum_minor"?: number | null;
          "payment_terms_days"?: number | null;
          "taxes"?: Json | null;
        };
        Relationships: [
          {
            foreignKeyName: "billing_config_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "billing_config_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
        ];
      };
      "billing_periods": {
        Row: {
          "client_id": string;
          "full_days": number;
          "message": string | null;
          "period_end": string;
          "period_start": string;
          "rated_version": number;
          "reason": string | null;
          "settled_at": string | null;
          "state": string;
          "updated_at": string;
          "usage_changed": boolean;
          "usage_version": number;
        };
        ComputedFields: never;
        Insert: {
          "client_id": string;
          "full_days": number;
          "message"?: string | null;
          "period_end": string;
          "period_start": string;
          "rated_version"?: number;
          "reason"?: string | null;
          "settled_at"?: string | null;
          "state"?: string;
          "updated_at"?: string;
          "usage_changed"?: never;
          "usage_version"?: number;
        };
        Update: {
          "client_id"?: string;
          "full_days"?: number;
          "message"?: string | null;
          "period_end"?: string;
          "period_start"?: string;
          "rated_version"?: number;
          "reason"?: string | null;
          "settled_at"?: string | null;
          "state"?: string;
          "updated_at"?: string;
          "usage_changed"?: never;
          "usage_version"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "billing_periods_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "billing_settings": {
        Row: {
          "audit_addresses": boolean;
          "datev_account_length": number;
          "datev_client": number | null;
          "datev_consultant": number | null;
          "default_client_id": string | null;
          "delivery_attempts": number;
          "fiscal_year_month": number;
          "id": boolean;
          "invoice_footer": string | null;
          "log_retention_months": number | null;
          "max_units_per_event": number;
          "max_usage_keys_per_day": number;
          "number_series": string;
          "operator_emails": (string)[];
          "payment_instructions": string | null;
          "payment_page_url": string | null;
          "reminder_days": (number)[];
          "require_aal2": boolean;
          "seller_address": (string)[];
          "seller_email": string | null;
          "seller_name": string;
          "seller_tax_id": string | null;
          "seller_website": string | null;
          "spend_jump_factor": number;
          "top_up_tax": string;
        };
        ComputedFields: never;
        Insert: {
          "audit_addresses"?: boolean;
          "datev_account_length"?: number;
          "datev_client"?: number | null;
          "datev_consultant"?: number | null;
          "default_client_id"?: string | null;
          "delivery_attempts"?: number;
          "fiscal_year_month"?: number;
          "id"?: boolean;
          "invoice_footer"?: string | null;
          "log_retention_months"?: number | null;
          "max_units_per_event"?: number;
          "max_usage_keys_per_day"?: number;
          "number_series"?: string;
          "operator_emails"?: (string)[];
          "payment_instructions"?: string | null;
          "payment_page_url"?: string | null;
          "reminder_days"?: (number)[];
          "require_aal2"?: boolean;
          "seller_address"?: (string)[];
          "seller_email"?: string | null;
          "seller_name"?: string;
          "seller_tax_id"?: string | null;
          "seller_website"?: string | null;
          "spend_jump_factor"?: number;
          "top_up_tax"?: string;
        };
        Update: {
          "audit_addresses"?: boolean;
          "datev_account_length"?: number;
          "datev_client"?: number | null;
          "datev_consultant"?: number | null;
          "default_client_id"?: string | null;
          "delivery_attempts"?: number;
          "fiscal_year_month"?: number;
          "id"?: boolean;
          "invoice_footer"?: string | null;
          "log_retention_months"?: number | null;
          "max_units_per_event"?: number;
          "max_usage_keys_per_day"?: number;
          "number_series"?: string;
          "operator_emails"?: (string)[];
          "payment_instructions"?: string | null;
          "payment_page_url"?: string | null;
          "reminder_days"?: (number)[];
          "require_aal2"?: boolean;
          "seller_address"?: (string)[];
          "seller_email"?: string | null;
          "seller_name"?: string;
          "seller_tax_id"?: string | null;
          "seller_website"?: string | null;
          "spend_jump_factor"?: number;
          "top_up_tax"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "billing_settings_default_client_id_fkey";
            columns: ["default_client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "chart_of_accounts": {
        Row: {
          "account": string;
          "code": string;
          "layout": string;
          "processor": string;
          "tax_code": string | null;
        };
        ComputedFields: never;
        Insert: {
          "account": string;
          "code": string;
          "layout": string;
          "processor"?: string;
          "tax_code"?: string | null;
        };
        Update: {
          "account"?: string;
          "code"?: string;
          "layout"?: string;
          "processor"?: string;
          "tax_code"?: string | null;
        };
        Relationships: [];
      };
      "client_budgets": {
        Row: {
          "amount_minor": number;
          "client_id": string;
          "thresholds": (number)[];
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "client_id": string;
          "thresholds"?: (number)[];
        };
        Update: {
          "amount_minor"?: number;
          "client_id"?: string;
          "thresholds"?: (number)[];
        };
        Relationships: [
          {
            foreignKeyName: "client_budgets_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: true;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "client_members": {
        Row: {
          "client_id": string;
          "created_at": string;
          "role": string;
          "user_id": string;
        };
        ComputedFields: never;
        Insert: {
          "client_id": string;
          "created_at"?: string;
          "role"?: string;
          "user_id": string;
        };
        Update: {
          "client_id"?: string;
          "created_at"?: string;
          "role"?: string;
          "user_id"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "client_members_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "client_time_zones": {
        Row: {
          "client_id": string;
          "effective_from": string;
          "ends_at": string;
          "starts_at": string;
          "time_zone": string;
        };
        ComputedFields: never;
        Insert: {
          "client_id": string;
          "effective_from": string;
          "ends_at"?: string;
          "starts_at": string;
          "time_zone": string;
        };
        Update: {
          "client_id"?: string;
          "effective_from"?: string;
          "ends_at"?: string;
          "starts_at"?: string;
          "time_zone"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "client_time_zones_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "clients": {
        Row: {
          "address": (string)[];
          "billing_anchor_day": number;
          "created_at": string;
          "email": string | null;
          "ended_on": string | null;
          "external_id": string | null;
          "id": string;
          "locale": string;
          "metadata": NonNullable<Json>;
          "name": string;
          "paper": string;
          "postal_address": Json | null;
          "started_on": string;
          "status": string;
          "tax_id": string | null;
          "time_zone": string;
        };
        ComputedFields: never;
        Insert: {
          "address"?: (string)[];
          "billing_anchor_day"?: number;
          "created_at"?: string;
          "email"?: string | null;
          "ended_on"?: string | null;
          "external_id"?: string | null;
          "id"?: string;
          "locale"?: string;
          "metadata"?: NonNullable<Json>;
          "name": string;
          "paper"?: string;
          "postal_address"?: Json | null;
          "started_on"?: string;
          "status"?: string;
          "tax_id"?: string | null;
          "time_zone"?: string;
        };
        Update: {
          "address"?: (string)[];
          "billing_anchor_day"?: number;
          "created_at"?: string;
          "email"?: string | null;
          "ended_on"?: string | null;
          "external_id"?: string | null;
          "id"?: string;
          "locale"?: string;
          "metadata"?: NonNullable<Json>;
          "name"?: string;
          "paper"?: string;
          "postal_address"?: Json | null;
          "started_on"?: string;
          "status"?: string;
          "tax_id"?: string | null;
          "time_zone"?: string;
        };
        Relationships: [];
      };
      "credit_entries": {
        Row: {
          "amount_minor": number;
          "client_id": string;
          "created_at": string;
          "credit_note_id": string | null;
          "currency": string;
          "effective_at": string;
          "grant_id": string;
          "id": string;
          "invoice_id": string | null;
          "kind": string;
          "line_id": string | null;
          "tax_minor": number;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "client_id": string;
          "created_at"?: string;
          "credit_note_id"?: string | null;
          "currency": string;
          "effective_at": string;
          "grant_id": string;
          "id"?: string;
          "invoice_id"?: string | null;
          "kind": string;
          "line_id"?: string | null;
          "tax_minor"?: number;
        };
        Update: {
          "amount_minor"?: number;
          "client_id"?: string;
          "created_at"?: string;
          "credit_note_id"?: string | null;
          "currency"?: string;
          "effective_at"?: string;
          "grant_id"?: string;
          "id"?: string;
          "invoice_id"?: string | null;
          "kind"?: string;
          "line_id"?: string | null;
          "tax_minor"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "credit_entries_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "credit_entries_credit_note_id_fkey";
            columns: ["credit_note_id"];
            isOneToOne: false;
            referencedRelation: "credit_notes";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "credit_entries_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
          {
            foreignKeyName: "credit_entries_grant_id_fkey";
            columns: ["grant_id"];
            isOneToOne: false;
            referencedRelation: "credit_grants";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "credit_entries_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "credit_entries_line_id_fkey";
            columns: ["line_id"];
            isOneToOne: false;
            referencedRelation: "invoice_lines";
            referencedColumns: ["id"];
          },
        ];
      };
      "credit_grants": {
        Row: {
          "agents": (string)[] | null;
          "amount_minor": number;
          "client_id": string;
          "continues_id": string | null;
          "cost_minor": number;
          "currency": string;
          "effective_at": string;
          "expires_at": string | null;
          "granted_at": string;
          "id": string;
          "kind": string;
          "method": string | null;
          "metrics": (string)[] | null;
          "models": (string)[] | null;
          "note": string | null;
          "priority": number;
          "reference": string | null;
          "tax_invoice_id": string | null;
          "tax_minor": number;
          "top_up_id": string | null;
        };
        ComputedFields: never;
        Insert: {
          "agents"?: (string)[] | null;
          "amount_minor": number;
          "client_id": string;
          "continues_id"?: string | null;
          "cost_minor": number;
          "currency": string;
          "effective_at": string;
          "expires_at"?: string | null;
          "granted_at": string;
          "id"?: string;
          "kind": string;
          "method"?: string | null;
          "metrics"?: (string)[] | null;
          "models"?: (string)[] | null;
          "note"?: string | null;
          "priority"?: number;
          "reference"?: string | null;
          "tax_invoice_id"?: string | null;
          "tax_minor"?: number;
          "top_up_id"?: string | null;
        };
        Update: {
          "agents"?: (string)[] | null;
          "amount_minor"?: number;
          "client_id"?: string;
          "continues_id"?: string | null;
          "cost_minor"?: number;
          "currency"?: string;
          "effective_at"?: string;
          "expires_at"?: string | null;
          "granted_at"?: string;
          "id"?: string;
          "kind"?: string;
          "method"?: string | null;
          "metrics"?: (string)[] | null;
          "models"?: (string)[] | null;
          "note"?: string | null;
          "priority"?: number;
          "reference"?: string | null;
          "tax_invoice_id"?: string | null;
          "tax_minor"?: number;
          "top_up_id"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "credit_grants_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "credit_grants_continues_id_fkey";
            columns: ["continues_id"];
            isOneToOne: false;
            referencedRelation: "credit_grants";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "credit_grants_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
          {
            foreignKeyName: "credit_grants_tax_invoice_id_fkey";
            columns: ["tax_invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "credit_grants_top_up_id_fkey";
            columns: ["top_up_id"];
            isOneToOne: true;
            referencedRelation: "top_ups";
            referencedColumns: ["id"];
          },
        ];
      };
      "credit_note_lines": {
        Row: {
          "agent": string | null;
          "amount_minor": number;
          "credit_note_id": string;
          "description": string;
          "detail": string | null;
          "id": string;
          "kind": string;
          "metric": string | null;
          "model": string | null;
          "per_units": number | null;
          "precise_amount": number;
          "price_id": string | null;
          "pricing_model": string | null;
          "quantity": number | null;
          "rate_class": string | null;
          "rating_key": string;
          "section_start": string | null;
          "service_end": string | null;
          "service_start": string | null;
          "tax_base_minor": number | null;
          "tax_behavior": string | null;
          "tax_name": string | null;
          "tax_note": string | null;
          "tax_rate_percent": number | null;
          "tiers": Json | null;
          "unit_amount": number | null;
        };
        ComputedFields: never;
        Insert: {
          "agent"?: string | null;
          "amount_minor": number;
          "credit_note_id": string;
          "description": string;
          "detail"?: string | null;
          "id"?: string;
          "kind": string;
          "metric"?: string | null;
          "model"?: string | null;
          "per_units"?: number | null;
          "precise_amount": number;
          "price_id"?: string | null;
          "pricing_model"?: string | null;
          "quantity"?: number | null;
          "rate_class"?: string | null;
          "rating_key": string;
          "section_start"?: string | null;
          "service_end"?: string | null;
          "service_start"?: string | null;
          "tax_base_minor"?: number | null;
          "tax_behavior"?: string | null;
          "tax_name"?: string | null;
          "tax_note"?: string | null;
          "tax_rate_percent"?: number | null;
          "tiers"?: Json | null;
          "unit_amount"?: number | null;
        };
        Update: {
          "agent"?: string | null;
          "amount_minor"?: number;
          "credit_note_id"?: string;
          "description"?: string;
          "detail"?: string | null;
          "id"?: string;
          "kind"?: string;
          "metric"?: string | null;
          "model"?: string | null;
          "per_units"?: number | null;
          "precise_amount"?: number;
          "price_id"?: string | null;
          "pricing_model"?: string | null;
          "quantity"?: number | null;
          "rate_class"?: string | null;
          "rating_key"?: string;
          "section_start"?: string | null;
          "service_end"?: string | null;
          "service_start"?: string | null;
          "tax_base_minor"?: number | null;
          "tax_behavior"?: string | null;
          "tax_name"?: string | null;
          "tax_note"?: string | null;
          "tax_rate_percent"?: number | null;
          "tiers"?: Json | null;
          "unit_amount"?: number | null;
        };
        Relationships: [
          {
            foreignKeyName: "credit_note_lines_credit_note_id_fkey";
            columns: ["credit_note_id"];
            isOneToOne: false;
            referencedRelation: "credit_notes";
            referencedColumns: ["id"];
          },
        ];
      };
      "credit_notes": {
        Row: {
          "client_id": string;
          "currency": string;
          "document": NonNullable<Json>;
          "id": string;
          "invoice_id": string;
          "issued_at": string;
          "number": string;
          "reason": string;
          "to_balance_minor": number;
          "to_grants_minor": number;
          "to_invoice_minor": number;
          "to_refund_minor": number;
          "total_minor": number;
          "voided_at": string | null;
        };
        ComputedFields: never;
        Insert: {
          "client_id": string;
          "currency": string;
          "document"?: NonNullable<Json>;
          "id"?: string;
          "invoice_id": string;
          "issued_at": string;
          "number": string;
          "reason": string;
          "to_balance_minor"?: number;
          "to_grants_minor"?: number;
          "to_invoice_minor"?: number;
          "to_refund_minor"?: number;
          "total_minor": number;
          "voided_at"?: string | null;
        };
        Update: {
          "client_id"?: string;
          "currency"?: string;
          "document"?: NonNullable<Json>;
          "id"?: string;
          "invoice_id"?: string;
          "issued_at"?: string;
          "number"?: string;
          "reason"?: string;
          "to_balance_minor"?: number;
          "to_grants_minor"?: number;
          "to_invoice_minor"?: number;
          "to_refund_minor"?: number;
          "total_minor"?: number;
          "voided_at"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "credit_notes_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "credit_notes_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
          {
            foreignKeyName: "credit_notes_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "currencies": {
        Row: {
          "code": string;
          "exponent": number;
          "name": string;
        };
        ComputedFields: never;
        Insert: {
          "code": string;
          "exponent": number;
          "name": string;
        };
        Update: {
          "code"?: string;
          "exponent"?: number;
          "name"?: string;
        };
        Relationships: [];
      };
      "deliveries": {
        Row: {
          "after_id": number | null;
          "attempts": number;
          "client_id": string | null;
          "created_at": string;
          "credit_note_id": string | null;
          "dedupe_key": string;
          "details": NonNullable<Json>;
          "due_at": string;
          "event": string;
          "external_id": string | null;
          "finished_at": string | null;
          "id": number;
          "invoice_id": string | null;
          "kind": string;
          "last_error": string | null;
          "lease": string | null;
          "max_attempts": number;
          "payload": NonNullable<Json>;
          "state": string;
          "worker_deaths": number;
        };
        ComputedFields: never;
        Insert: {
          "after_id"?: number | null;
          "attempts"?: number;
          "client_id"?: string | null;
          "created_at"?: string;
          "credit_note_id"?: string | null;
          "dedupe_key": string;
          "details"?: NonNullable<Json>;
          "due_at"?: string;
          "event": string;
          "external_id"?: string | null;
          "finished_at"?: string | null;
          "id"?: never;
          "invoice_id"?: string | null;
          "kind": string;
          "last_error"?: string | null;
          "lease"?: string | null;
          "max_attempts"?: number;
          "payload"?: NonNullable<Json>;
          "state"?: string;
          "worker_deaths"?: number;
        };
        Update: {
          "after_id"?: number | null;
          "attempts"?: number;
          "client_id"?: string | null;
          "created_at"?: string;
          "credit_note_id"?: string | null;
          "dedupe_key"?: string;
          "details"?: NonNullable<Json>;
          "due_at"?: string;
          "event"?: string;
          "external_id"?: string | null;
          "finished_at"?: string | null;
          "id"?: never;
          "invoice_id"?: string | null;
          "kind"?: string;
          "last_error"?: string | null;
          "lease"?: string | null;
          "max_attempts"?: number;
          "payload"?: NonNullable<Json>;
          "state"?: string;
          "worker_deaths"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "deliveries_after_id_fkey";
            columns: ["after_id"];
            isOneToOne: false;
            referencedRelation: "deliveries";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "deliveries_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "deliveries_credit_note_id_fkey";
            columns: ["credit_note_id"];
            isOneToOne: false;
            referencedRelation: "credit_notes";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "deliveries_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "hold_limits": {
        Row: {
          "ceiling_minor": number | null;
          "client_id": string | null;
          "currency": string;
          "factor": number | null;
          "floor_minor": number;
          "id": number;
        };
        ComputedFields: never;
        Insert: {
          "ceiling_minor"?: number | null;
          "client_id"?: string | null;
          "currency": string;
          "factor"?: number | null;
          "floor_minor"?: number;
          "id"?: never;
        };
        Update: {
          "ceiling_minor"?: number | null;
          "client_id"?: string | null;
          "currency"?: string;
          "factor"?: number | null;
          "floor_minor"?: number;
          "id"?: never;
        };
        Relationships: [
          {
            foreignKeyName: "hold_limits_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "hold_limits_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
        ];
      };
      "invoice_items": {
        Row: {
          "client_id": string;
          "created_at": string;
          "currency": string;
          "description": string;
          "id": string;
          "invoice_id": string | null;
          "is_base_fee": boolean;
          "item_day": string;
          "quantity": number;
          "section_start": string | null;
          "unit_amount": number;
        };
        ComputedFields: never;
        Insert: {
          "client_id": string;
          "created_at"?: string;
          "currency": string;
          "description": string;
          "id"?: string;
          "invoice_id"?: string | null;
          "is_base_fee"?: boolean;
          "item_day": string;
          "quantity"?: number;
          "section_start"?: string | null;
          "unit_amount": number;
        };
        Update: {
          "client_id"?: string;
          "created_at"?: string;
          "currency"?: string;
          "description"?: string;
          "id"?: string;
          "invoice_id"?: string | null;
          "is_base_fee"?: boolean;
          "item_day"?: string;
          "quantity"?: number;
          "section_start"?: string | null;
          "unit_amount"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "invoice_items_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "invoice_items_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
          {
            foreignKeyName: "invoice_items_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "invoice_lines": {
        Row: {
          "agent": string | null;
          "amount_minor": number;
          "description": string;
          "detail": string | null;
          "id": string;
          "invoice_id": string;
          "is_late": boolean;
          "kind": string;
          "metric": string | null;
          "model": string | null;
          "per_units": number | null;
          "position": number;
          "precise_amount": number;
          "price_id": string | null;
          "pricing_model": string | null;
          "quantity": number | null;
          "rate_class": string | null;
          "rating_key": string;
          "section_end": string | null;
          "section_start": string | null;
          "service_end": string | null;
          "service_start": string | null;
          "tax_base_minor": number | null;
          "tax_behavior": string | null;
          "tax_name": string | null;
          "tax_note": string | null;
          "tax_rate_percent": number | null;
          "tiers": Json | null;
          "unit_amount": number | null;
        };
        ComputedFields: never;
        Insert: {
          "agent"?: string | null;
          "amount_minor": number;
          "description": string;
          "detail"?: string | null;
          "id"?: string;
          "invoice_id": string;
          "is_late"?: boolean;
          "kind": string;
          "metric"?: string | null;
          "model"?: string | null;
          "per_units"?: number | null;
          "position": number;
          "precise_amount": number;
          "price_id"?: string | null;
          "pricing_model"?: string | null;
          "quantity"?: number | null;
          "rate_class"?: string | null;
          "rating_key": string;
          "section_end"?: string | null;
          "section_start"?: string | null;
          "service_end"?: string | null;
          "service_start"?: string | null;
          "tax_base_minor"?: number | null;
          "tax_behavior"?: string | null;
          "tax_name"?: string | null;
          "tax_note"?: string | null;
          "tax_rate_percent"?: number | null;
          "tiers"?: Json | null;
          "unit_amount"?: number | null;
        };
        Update: {
          "agent"?: string | null;
          "amount_minor"?: number;
          "description"?: string;
          "detail"?: string | null;
          "id"?: string;
          "invoice_id"?: string;
          "is_late"?: boolean;
          "kind"?: string;
          "metric"?: string | null;
          "model"?: string | null;
          "per_units"?: number | null;
          "position"?: number;
          "precise_amount"?: number;
          "price_id"?: string | null;
          "pricing_model"?: string | null;
          "quantity"?: number | null;
          "rate_class"?: string | null;
          "rating_key"?: string;
          "section_end"?: string | null;
          "section_start"?: string | null;
          "service_end"?: string | null;
          "service_start"?: string | null;
          "tax_base_minor"?: number | null;
          "tax_behavior"?: string | null;
          "tax_name"?: string | null;
          "tax_note"?: string | null;
          "tax_rate_percent"?: number | null;
          "tiers"?: Json | null;
          "unit_amount"?: number | null;
        };
        Relationships: [
          {
            foreignKeyName: "invoice_lines_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "invoices": {
        Row: {
          "amount_due_minor": number;
          "balance_applied_minor": number;
          "client_id": string;
          "created_at": string;
          "credited_minor": number;
          "currency": string;
          "deliveries": (string)[];
          "discount_minor": number;
          "document": NonNullable<Json>;
          "due_on": string | null;
          "finalized_at": string | null;
          "id": string;
          "issued_on": string | null;
          "kind": string;
          "note": string | null;
          "number": string | null;
          "paid_at": string | null;
          "paid_minor": number;
          "payment_terms_days": number;
          "period_end": string | null;
          "period_start": string | null;
          "replaces_id": string | null;
          "status": string;
          "subtotal_minor": number;
          "tax_included_minor": number;
          "tax_minor": number;
          "total_minor": number;
          "uncollectible_at": string | null;
          "void_reason": string | null;
          "voided_at": string | null;
          "written_off_minor": number;
        };
        ComputedFields: never;
        Insert: {
          "amount_due_minor"?: never;
          "balance_applied_minor"?: number;
          "client_id": string;
          "created_at"?: string;
          "credited_minor"?: number;
          "currency": string;
          "deliveries"?: (string)[];
          "discount_minor"?: number;
          "document"?: NonNullable<Json>;
          "due_on"?: string | null;
          "finalized_at"?: string | null;
          "id"?: string;
          "issued_on"?: string | null;
          "kind"?: string;
          "note"?: string | null;
          "number"?: string | null;
          "paid_at"?: string | null;
          "paid_minor"?: number;
          "payment_terms_days"?: number;
          "period_end"?: string | null;
          "period_start"?: string | null;
          "replaces_id"?: string | null;
          "status"?: string;
          "subtotal_minor"?: number;
          "tax_included_minor"?: number;
          "tax_minor"?: number;
          "total_minor"?: number;
          "uncollectible_at"?: string | null;
          "void_reason"?: string | null;
          "voided_at"?: string | null;
          "written_off_minor"?: number;
        };
        Update: {
          "amount_due_minor"?: never;
          "balance_applied_minor"?: number;
          "client_id"?: string;
          "created_at"?: string;
          "credited_minor"?: number;
          "currency"?: string;
          "deliveries"?: (string)[];
          "discount_minor"?: number;
          "document"?: NonNullable<Json>;
          "due_on"?: string | null;
          "finalized_at"?: string | null;
          "id"?: string;
          "issued_on"?: string | null;
          "kind"?: string;
          "note"?: string | null;
          "number"?: string | null;
          "paid_at"?: string | null;
          "paid_minor"?: number;
          "payment_terms_days"?: number;
          "period_end"?: string | null;
          "period_start"?: string | null;
          "replaces_id"?: string | null;
          "status"?: string;
          "subtotal_minor"?: number;
          "tax_included_minor"?: number;
          "tax_minor"?: number;
          "total_minor"?: number;
          "uncollectible_at"?: string | null;
          "void_reason"?: string | null;
          "voided_at"?: string | null;
          "written_off_minor"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "invoices_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "invoices_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
          {
            foreignKeyName: "invoices_replaces_id_fkey";
            columns: ["replaces_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "list_prices": {
        Row: {
          "above_tokens": number | null;
          "amount": number;
          "effective_from": string;
          "effective_until": string;
          "id": number;
          "metric": string;
          "model": string;
          "provider": string;
          "rate_class": string;
          "source_field": string;
          "source_text": string;
          "sync_id": number;
        };
        ComputedFields: never;
        Insert: {
          "above_tokens"?: number | null;
          "amount": number;
          "effective_from"?: string;
          "effective_until"?: string;
          "id"?: never;
          "metric": string;
          "model": string;
          "provider": string;
          "rate_class"?: string;
          "source_field": string;
          "source_text": string;
          "sync_id": number;
        };
        Update: {
          "above_tokens"?: number | null;
          "amount"?: number;
          "effective_from"?: string;
          "effective_until"?: string;
          "id"?: never;
          "metric"?: string;
          "model"?: string;
          "provider"?: string;
          "rate_class"?: string;
          "source_field"?: string;
          "source_text"?: string;
          "sync_id"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "list_prices_model_fkey";
            columns: ["model"];
            isOneToOne: false;
            referencedRelation: "listed_models";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "list_prices_sync_id_fkey";
            columns: ["sync_id"];
            isOneToOne: false;
            referencedRelation: "price_syncs";
            referencedColumns: ["id"];
          },
        ];
      };
      "listed_models": {
        Row: {
          "alias_of": string | null;
          "deprecated_on": string | null;
          "id": string;
          "is_decided_alias": boolean;
          "mode": string | null;
          "provider": string;
          "sync_id": number;
        };
        ComputedFields: never;
        Insert: {
          "alias_of"?: string | null;
          "deprecated_on"?: string | null;
          "id": string;
          "is_decided_alias"?: boolean;
          "mode"?: string | null;
          "provider": string;
          "sync_id": number;
        };
        Update: {
          "alias_of"?: string | null;
          "deprecated_on"?: string | null;
          "id"?: string;
          "is_decided_alias"?: boolean;
          "mode"?: string | null;
          "provider"?: string;
          "sync_id"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "listed_models_sync_id_fkey";
            columns: ["sync_id"];
            isOneToOne: false;
            referencedRelation: "price_syncs";
            referencedColumns: ["id"];
          },
        ];
      };
      "models": {
        Row: {
          "family": string;
          "id": string;
          "long_context_2_above": number | null;
          "long_context_3_above": number | null;
          "long_context_above": number | null;
          "provider": string | null;
        };
        ComputedFields: never;
        Insert: {
          "family": string;
          "id": string;
          "long_context_2_above"?: number | null;
          "long_context_3_above"?: number | null;
          "long_context_above"?: number | null;
          "provider"?: string | null;
        };
        Update: {
          "family"?: string;
          "id"?: string;
          "long_context_2_above"?: number | null;
          "long_context_3_above"?: number | null;
          "long_context_above"?: number | null;
          "provider"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "models_provider_fkey";
            columns: ["provider"];
            isOneToOne: false;
            referencedRelation: "providers";
            referencedColumns: ["id"];
          },
        ];
      };
      "payments": {
        Row: {
          "amount_minor": number;
          "client_id": string;
          "currency": string;
          "id": string;
          "invoice_id": string;
          "kind": string;
          "method": string;
          "paid_at": string;
          "reference": string | null;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "client_id": string;
          "currency": string;
          "id"?: string;
          "invoice_id": string;
          "kind"?: string;
          "method"?: string;
          "paid_at": string;
          "reference"?: string | null;
        };
        Update: {
          "amount_minor"?: number;
          "client_id"?: string;
          "currency"?: string;
          "id"?: string;
          "invoice_id"?: string;
          "kind"?: string;
          "method"?: string;
          "paid_at"?: string;
          "reference"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "payments_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "payments_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
          {
            foreignKeyName: "payments_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "price_policies": {
        Row: {
          "client_id": string | null;
          "id": number;
          "policy": string;
        };
        ComputedFields: never;
        Insert: {
          "client_id"?: string | null;
          "id"?: never;
          "policy": string;
        };
        Update: {
          "client_id"?: string | null;
          "id"?: never;
          "policy"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "price_policies_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: true;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "price_proposals": {
        Row: {
          "above_tokens": number | null;
          "agreed_sync_id": number | null;
          "alias_of": string | null;
          "created_at": string;
          "decided_at": string | null;
          "decided_by": string | null;
          "effects": NonNullable<Json>;
          "id": number;
          "kind": string;
          "message": string;
          "metric": string | null;
          "model": string;
          "new_amount": number | null;
          "old_amount": number | null;
          "rate_class": string | null;
          "reason": string | null;
          "source_field": string | null;
          "source_text": string | null;
          "state": string;
          "sync_id": number | null;
        };
        ComputedFields: never;
        Insert: {
          "above_tokens"?: number | null;
          "agreed_sync_id"?: number | null;
          "alias_of"?: string | null;
          "created_at"?: string;
          "decided_at"?: string | null;
          "decided_by"?: string | null;
          "effects"?: NonNullable<Json>;
          "id"?: never;
          "kind": string;
          "message": string;
          "metric"?: string | null;
          "model": string;
          "new_amount"?: number | null;
          "old_amount"?: number | null;
          "rate_class"?: string | null;
          "reason"?: string | null;
          "source_field"?: string | null;
          "source_text"?: string | null;
          "state"?: string;
          "sync_id"?: number | null;
        };
        Update: {
          "above_tokens"?: number | null;
          "agreed_sync_id"?: number | null;
          "alias_of"?: string | null;
          "created_at"?: string;
          "decided_at"?: string | null;
          "decided_by"?: string | null;
          "effects"?: NonNullable<Json>;
          "id"?: never;
          "kind"?: string;
          "message"?: string;
          "metric"?: string | null;
          "model"?: string;
          "new_amount"?: number | null;
          "old_amount"?: number | null;
          "rate_class"?: string | null;
          "reason"?: string | null;
          "source_field"?: string | null;
          "source_text"?: string | null;
          "state"?: string;
          "sync_id"?: number | null;
        };
        Relationships: [
          {
            foreignKeyName: "price_proposals_agreed_sync_id_fkey";
            columns: ["agreed_sync_id"];
            isOneToOne: false;
            referencedRelation: "price_syncs";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "price_proposals_alias_of_fkey";
            columns: ["alias_of"];
            isOneToOne: false;
            referencedRelation: "listed_models";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "price_proposals_sync_id_fkey";
            columns: ["sync_id"];
            isOneToOne: false;
            referencedRelation: "price_syncs";
            referencedColumns: ["id"];
          },
        ];
      };
      "price_sources": {
        Row: {
          "enabled": boolean;
          "id": string;
          "url": string;
        };
        ComputedFields: never;
        Insert: {
          "enabled"?: boolean;
          "id": string;
          "url": string;
        };
        Update: {
          "enabled"?: boolean;
          "id"?: string;
          "url"?: string;
        };
        Relationships: [];
      };
      "price_syncs": {
        Row: {
          "fetched_at": string;
          "id": number;
          "raw": string | null;
          "sha256": string;
          "source": string;
        };
        ComputedFields: never;
        Insert: {
          "fetched_at": string;
          "id"?: never;
          "raw"?: string | null;
          "sha256": string;
          "source": string;
        };
        Update: {
          "fetched_at"?: string;
          "id"?: never;
          "raw"?: string | null;
          "sha256"?: string;
          "source"?: string;
        };
        Relationships: [];
      };
      "prices": {
        Row: {
          "class_multipliers": NonNullable<Json>;
          "client_id": string | null;
          "cost_basis": string;
          "created_at": string;
          "currency": string;
          "effective_from": string;
          "effective_until": string;
          "family": string | null;
          "free_units": number;
          "id": string;
          "markup_percent": number | null;
          "metric": string;
          "model": string | null;
          "per_units": number;
          "pricing_model": string;
          "rate_class": string;
          "scope": string | null;
          "tiers": Json | null;
          "unit_amount": number | null;
        };
        ComputedFields: never;
        Insert: {
          "class_multipliers"?: NonNullable<Json>;
          "client_id"?: string | null;
          "cost_basis"?: string;
          "created_at"?: string;
          "currency"?: string;
          "effective_from"?: string;
          "effective_until"?: string;
          "family"?: string | null;
          "free_units"?: number;
          "id"?: string;
          "markup_percent"?: number | null;
          "metric": string;
          "model"?: string | null;
          "per_units"?: number;
          "pricing_model"?: string;
          "rate_class"?: string;
          "scope"?: never;
          "tiers"?: Json | null;
          "unit_amount"?: number | null;
        };
        Update: {
          "class_multipliers"?: NonNullable<Json>;
          "client_id"?: string | null;
          "cost_basis"?: string;
          "created_at"?: string;
          "currency"?: string;
          "effective_from"?: string;
          "effective_until"?: string;
          "family"?: string | null;
          "free_units"?: number;
          "id"?: string;
          "markup_percent"?: number | null;
          "metric"?: string;
          "model"?: string | null;
          "per_units"?: number;
          "pricing_model"?: string;
          "rate_class"?: string;
          "scope"?: never;
          "tiers"?: Json | null;
          "unit_amount"?: number | null;
        };
        Relationships: [
          {
            foreignKeyName: "prices_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "prices_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
        ];
      };
      "providers": {
        Row: {
          "cache_read_within_input": boolean;
          "cache_write_within_input": boolean;
          "id": string;
          "reasoning_within_output": boolean;
        };
        ComputedFields: never;
        Insert: {
          "cache_read_within_input": boolean;
          "cache_write_within_input"?: boolean;
          "id": string;
          "reasoning_within_output": boolean;
        };
        Update: {
          "cache_read_within_input"?: boolean;
          "cache_write_within_input"?: boolean;
          "id"?: string;
          "reasoning_within_output"?: boolean;
        };
        Relationships: [];
      };
      "service_intervals": {
        Row: {
          "changed_at": string;
          "client_id": string;
          "created_at": string;
          "end_reason": string | null;
          "ends_on": string;
          "id": string;
          "start_reason": string;
          "starts_on": string;
        };
        ComputedFields: never;
        Insert: {
          "changed_at"?: string;
          "client_id": string;
          "created_at"?: string;
          "end_reason"?: string | null;
          "ends_on"?: string;
          "id"?: string;
          "start_reason"?: string;
          "starts_on": string;
        };
        Update: {
          "changed_at"?: string;
          "client_id"?: string;
          "created_at"?: string;
          "end_reason"?: string | null;
          "ends_on"?: string;
          "id"?: string;
          "start_reason"?: string;
          "starts_on"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "service_intervals_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_balance_transactions": {
        Row: {
          "amount_minor": number;
          "client_id": string;
          "currency": string;
          "outcome": string;
          "seen_at": string;
          "stripe_customer_id": string;
          "stripe_invoice_id": string | null;
          "transaction_id": string;
          "type": string;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "client_id": string;
          "currency": string;
          "outcome": string;
          "seen_at": string;
          "stripe_customer_id": string;
          "stripe_invoice_id"?: string | null;
          "transaction_id": string;
          "type": string;
        };
        Update: {
          "amount_minor"?: number;
          "client_id"?: string;
          "currency"?: string;
          "outcome"?: string;
          "seen_at"?: string;
          "stripe_customer_id"?: string;
          "stripe_invoice_id"?: string | null;
          "transaction_id"?: string;
          "type"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_balance_transactions_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_carried": {
        Row: {
          "amount_minor": number;
          "carrying_invoice_id": string;
          "held_invoice_id": string;
          "livemode": boolean;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "carrying_invoice_id": string;
          "held_invoice_id": string;
          "livemode": boolean;
        };
        Update: {
          "amount_minor"?: number;
          "carrying_invoice_id"?: string;
          "held_invoice_id"?: string;
          "livemode"?: boolean;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_carried_carrying_invoice_id_fkey";
            columns: ["carrying_invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "stripe_carried_held_invoice_id_fkey";
            columns: ["held_invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_credit_notes": {
        Row: {
          "created_at": string;
          "credit_note_id": string;
          "livemode": boolean;
          "origin": string;
          "stripe_credit_note_id": string | null;
        };
        ComputedFields: never;
        Insert: {
          "created_at"?: string;
          "credit_note_id": string;
          "livemode": boolean;
          "origin": string;
          "stripe_credit_note_id"?: string | null;
        };
        Update: {
          "created_at"?: string;
          "credit_note_id"?: string;
          "livemode"?: boolean;
          "origin"?: string;
          "stripe_credit_note_id"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_credit_notes_credit_note_id_fkey";
            columns: ["credit_note_id"];
            isOneToOne: true;
            referencedRelation: "credit_notes";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_customers": {
        Row: {
          "balance_moved_at": string | null;
          "changed_at": string;
          "client_id": string;
          "created_at": string;
          "deleted_at": string | null;
          "former_ids": (string)[];
          "livemode": boolean;
          "sent_digest": string | null;
          "stripe_customer_id": string;
          "stripe_tax_id": string | null;
        };
        ComputedFields: never;
        Insert: {
          "balance_moved_at"?: string | null;
          "changed_at"?: string;
          "client_id": string;
          "created_at"?: string;
          "deleted_at"?: string | null;
          "former_ids"?: (string)[];
          "livemode": boolean;
          "sent_digest"?: string | null;
          "stripe_customer_id": string;
          "stripe_tax_id"?: string | null;
        };
        Update: {
          "balance_moved_at"?: string | null;
          "changed_at"?: string;
          "client_id"?: string;
          "created_at"?: string;
          "deleted_at"?: string | null;
          "former_ids"?: (string)[];
          "livemode"?: boolean;
          "sent_digest"?: string | null;
          "stripe_customer_id"?: string;
          "stripe_tax_id"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_customers_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_disputes": {
        Row: {
          "amount_minor": number;
          "booked_minor": number;
          "dispute_id": string;
          "payment_intent_id": string;
          "reason": string | null;
          "seen_at": string;
          "status": string;
          "stripe_invoice_id": string;
          "taken_minor": number;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "booked_minor"?: number;
          "dispute_id": string;
          "payment_intent_id": string;
          "reason"?: string | null;
          "seen_at": string;
          "status": string;
          "stripe_invoice_id": string;
          "taken_minor"?: number;
        };
        Update: {
          "amount_minor"?: number;
          "booked_minor"?: number;
          "dispute_id"?: string;
          "payment_intent_id"?: string;
          "reason"?: string | null;
          "seen_at"?: string;
          "status"?: string;
          "stripe_invoice_id"?: string;
          "taken_minor"?: number;
        };
        Relationships: [];
      };
      "stripe_invoices": {
        Row: {
          "agreed_total_minor": number | null;
          "amount_paid_minor": number;
          "booked_minor": number;
          "booked_refund_minor": number;
          "carried_minor": number;
          "created_at": string;
          "disputed_at": string | null;
          "generation": number;
          "hosted_invoice_url": string | null;
          "invoice_id": string;
          "invoice_pdf": string | null;
          "left_over_minor": number;
          "livemode": boolean;
          "paid_off_stripe_minor": number;
          "problem": string | null;
          "refunded_minor": number;
          "seen_at": string;
          "state": string;
          "stripe_invoice_id": string | null;
          "total_minor": number | null;
          "unnamed_taken_minor": number;
        };
        ComputedFields: never;
        Insert: {
          "agreed_total_minor"?: number | null;
          "amount_paid_minor"?: number;
          "booked_minor"?: number;
          "booked_refund_minor"?: number;
          "carried_minor"?: number;
          "created_at"?: string;
          "disputed_at"?: string | null;
          "generation"?: number;
          "hosted_invoice_url"?: string | null;
          "invoice_id": string;
          "invoice_pdf"?: string | null;
          "left_over_minor"?: number;
          "livemode": boolean;
          "paid_off_stripe_minor"?: number;
          "problem"?: string | null;
          "refunded_minor"?: number;
          "seen_at"?: string;
          "state"?: string;
          "stripe_invoice_id"?: string | null;
          "total_minor"?: number | null;
          "unnamed_taken_minor"?: number;
        };
        Update: {
          "agreed_total_minor"?: number | null;
          "amount_paid_minor"?: number;
          "booked_minor"?: number;
          "booked_refund_minor"?: number;
          "carried_minor"?: number;
          "created_at"?: string;
          "disputed_at"?: string | null;
          "generation"?: number;
          "hosted_invoice_url"?: string | null;
          "invoice_id"?: string;
          "invoice_pdf"?: string | null;
          "left_over_minor"?: number;
          "livemode"?: boolean;
          "paid_off_stripe_minor"?: number;
          "problem"?: string | null;
          "refunded_minor"?: number;
          "seen_at"?: string;
          "state"?: string;
          "stripe_invoice_id"?: string | null;
          "total_minor"?: number | null;
          "unnamed_taken_minor"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_invoices_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: false;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_meters": {
        Row: {
          "client_id": string;
          "created_at": string;
          "effective_from": string;
          "effective_until": string;
          "event_name": string;
          "id": string;
          "metric": string;
          "model": string | null;
          "rate_class": string;
        };
        ComputedFields: never;
        Insert: {
          "client_id": string;
          "created_at"?: string;
          "effective_from": string;
          "effective_until"?: string;
          "event_name": string;
          "id"?: string;
          "metric": string;
          "model"?: string | null;
          "rate_class"?: string;
        };
        Update: {
          "client_id"?: string;
          "created_at"?: string;
          "effective_from"?: string;
          "effective_until"?: string;
          "event_name"?: string;
          "id"?: string;
          "metric"?: string;
          "model"?: string | null;
          "rate_class"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_meters_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_notes": {
        Row: {
          "amount_minor": number;
          "seen_at": string;
          "status": string;
          "stripe_credit_note_id": string;
          "stripe_invoice_id": string;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "seen_at": string;
          "status": string;
          "stripe_credit_note_id": string;
          "stripe_invoice_id": string;
        };
        Update: {
          "amount_minor"?: number;
          "seen_at"?: string;
          "status"?: string;
          "stripe_credit_note_id"?: string;
          "stripe_invoice_id"?: string;
        };
        Relationships: [];
      };
      "stripe_payment_records": {
        Row: {
          "amount_minor": number;
          "created_at": string;
          "livemode": boolean;
          "payment_id": string;
          "payment_record_id": string | null;
          "state": string;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "created_at"?: string;
          "livemode": boolean;
          "payment_id": string;
          "payment_record_id"?: string | null;
          "state": string;
        };
        Update: {
          "amount_minor"?: number;
          "created_at"?: string;
          "livemode"?: boolean;
          "payment_id"?: string;
          "payment_record_id"?: string | null;
          "state"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_payment_records_payment_id_fkey";
            columns: ["payment_id"];
            isOneToOne: false;
            referencedRelation: "payments";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_payments": {
        Row: {
          "amount_minor": number;
          "charge_id": string | null;
          "disputed_at": string | null;
          "failure": string | null;
          "payment_intent_id": string;
          "refunded_minor": number;
          "seen_at": string;
          "stripe_invoice_id": string;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor"?: number;
          "charge_id"?: string | null;
          "disputed_at"?: string | null;
          "failure"?: string | null;
          "payment_intent_id": string;
          "refunded_minor"?: number;
          "seen_at"?: string;
          "stripe_invoice_id": string;
        };
        Update: {
          "amount_minor"?: number;
          "charge_id"?: string | null;
          "disputed_at"?: string | null;
          "failure"?: string | null;
          "payment_intent_id"?: string;
          "refunded_minor"?: number;
          "seen_at"?: string;
          "stripe_invoice_id"?: string;
        };
        Relationships: [];
      };
      "stripe_payout_transactions": {
        Row: {
          "category": string;
          "created_at": string;
          "currency": string;
          "description": string | null;
          "exchange_rate": number | null;
          "fee_minor": number;
          "gross_minor": number;
          "net_minor": number;
          "payment_intent_id": string | null;
          "payout_id": string;
          "source_id": string | null;
          "transaction_id": string;
          "type": string;
        };
        ComputedFields: never;
        Insert: {
          "category": string;
          "created_at": string;
          "currency": string;
          "description"?: string | null;
          "exchange_rate"?: number | null;
          "fee_minor": number;
          "gross_minor": number;
          "net_minor": number;
          "payment_intent_id"?: string | null;
          "payout_id": string;
          "source_id"?: string | null;
          "transaction_id": string;
          "type": string;
        };
        Update: {
          "category"?: string;
          "created_at"?: string;
          "currency"?: string;
          "description"?: string | null;
          "exchange_rate"?: number | null;
          "fee_minor"?: number;
          "gross_minor"?: number;
          "net_minor"?: number;
          "payment_intent_id"?: string | null;
          "payout_id"?: string;
          "source_id"?: string | null;
          "transaction_id"?: string;
          "type"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_payout_transactions_payout_id_fkey";
            columns: ["payout_id"];
            isOneToOne: false;
            referencedRelation: "stripe_payouts";
            referencedColumns: ["payout_id"];
          },
        ];
      };
      "stripe_payouts": {
        Row: {
          "amount_minor": number;
          "arrives_on": string;
          "complete_at": string | null;
          "created_at": string;
          "currency": string;
          "is_automatic": boolean;
          "livemode": boolean;
          "payout_id": string;
          "status": string;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "arrives_on": string;
          "complete_at"?: string | null;
          "created_at": string;
          "currency": string;
          "is_automatic": boolean;
          "livemode": boolean;
          "payout_id": string;
          "status": string;
        };
        Update: {
          "amount_minor"?: number;
          "arrives_on"?: string;
          "complete_at"?: string | null;
          "created_at"?: string;
          "currency"?: string;
          "is_automatic"?: boolean;
          "livemode"?: boolean;
          "payout_id"?: string;
          "status"?: string;
        };
        Relationships: [];
      };
      "stripe_refunds": {
        Row: {
          "amount_minor": number;
          "credited_minor": number;
          "failure_reason": string | null;
          "payment_intent_id": string | null;
          "refund_id": string;
          "seen_at": string;
          "status": string;
          "stripe_credit_note_id": string | null;
          "stripe_invoice_id": string;
          "summed_note_ids": (string)[];
          "taken_minor": number;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "credited_minor"?: number;
          "failure_reason"?: string | null;
          "payment_intent_id"?: string | null;
          "refund_id": string;
          "seen_at": string;
          "status": string;
          "stripe_credit_note_id"?: string | null;
          "stripe_invoice_id": string;
          "summed_note_ids"?: (string)[];
          "taken_minor"?: number;
        };
        Update: {
          "amount_minor"?: number;
          "credited_minor"?: number;
          "failure_reason"?: string | null;
          "payment_intent_id"?: string | null;
          "refund_id"?: string;
          "seen_at"?: string;
          "status"?: string;
          "stripe_credit_note_id"?: string | null;
          "stripe_invoice_id"?: string;
          "summed_note_ids"?: (string)[];
          "taken_minor"?: number;
        };
        Relationships: [];
      };
      "stripe_subscriptions": {
        Row: {
          "base_fee_minor": number;
          "billing_interval": string | null;
          "client_id": string;
          "currency": string;
          "current_period_end": string | null;
          "description": string | null;
          "ended_at": string | null;
          "livemode": boolean;
          "seen_at": string;
          "status": string;
          "stripe_subscription_id": string;
        };
        ComputedFields: never;
        Insert: {
          "base_fee_minor"?: number;
          "billing_interval"?: string | null;
          "client_id": string;
          "currency": string;
          "current_period_end"?: string | null;
          "description"?: string | null;
          "ended_at"?: string | null;
          "livemode": boolean;
          "seen_at": string;
          "status": string;
          "stripe_subscription_id": string;
        };
        Update: {
          "base_fee_minor"?: number;
          "billing_interval"?: string | null;
          "client_id"?: string;
          "currency"?: string;
          "current_period_end"?: string | null;
          "description"?: string | null;
          "ended_at"?: string | null;
          "livemode"?: boolean;
          "seen_at"?: string;
          "status"?: string;
          "stripe_subscription_id"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_subscriptions_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "stripe_terms": {
        Row: {
          "bank_transfer_country": string | null;
          "client_id": string;
          "collection_method": string;
          "mailed_by": string;
          "payment_methods": (string)[] | null;
          "tax_exempt": string | null;
          "tax_id_type": string | null;
        };
        ComputedFields: never;
        Insert: {
          "bank_transfer_country"?: string | null;
          "client_id": string;
          "collection_method"?: string;
          "mailed_by"?: string;
          "payment_methods"?: (string)[] | null;
          "tax_exempt"?: string | null;
          "tax_id_type"?: string | null;
        };
        Update: {
          "bank_transfer_country"?: string | null;
          "client_id"?: string;
          "collection_method"?: string;
          "mailed_by"?: string;
          "payment_methods"?: (string)[] | null;
          "tax_exempt"?: string | null;
          "tax_id_type"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "stripe_terms_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: true;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
      "top_ups": {
        Row: {
          "amount_minor": number;
          "balance_minor": number | null;
          "client_id": string;
          "currency": string;
          "declined_at": string | null;
          "expires_after_days": number | null;
          "id": string;
          "invoice_id": string | null;
          "note": string | null;
          "origin": string;
          "problem": string | null;
          "reference": string | null;
          "requested_at": string;
          "state": string;
          "threshold_minor": number | null;
        };
        ComputedFields: never;
        Insert: {
          "amount_minor": number;
          "balance_minor"?: number | null;
          "client_id": string;
          "currency": string;
          "declined_at"?: string | null;
          "expires_after_days"?: number | null;
          "id"?: string;
          "invoice_id"?: string | null;
          "note"?: string | null;
          "origin": string;
          "problem"?: string | null;
          "reference"?: string | null;
          "requested_at": string;
          "state"?: string;
          "threshold_minor"?: number | null;
        };
        Update: {
          "amount_minor"?: number;
          "balance_minor"?: number | null;
          "client_id"?: string;
          "currency"?: string;
          "declined_at"?: string | null;
          "expires_after_days"?: number | null;
          "id"?: string;
          "invoice_id"?: string | null;
          "note"?: string | null;
          "origin"?: string;
          "problem"?: string | null;
          "reference"?: string | null;
          "requested_at"?: string;
          "state"?: string;
          "threshold_minor"?: number | null;
        };
        Relationships: [
          {
            foreignKeyName: "top_ups_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "top_ups_currency_fkey";
            columns: ["currency"];
            isOneToOne: false;
            referencedRelation: "currencies";
            referencedColumns: ["code"];
          },
          {
            foreignKeyName: "top_ups_invoice_id_fkey";
            columns: ["invoice_id"];
            isOneToOne: true;
            referencedRelation: "invoices";
            referencedColumns: ["id"];
          },
        ];
      };
      "usage_records": {
        Row: {
          "agent": string;
          "client_id": string;
          "log_count": number;
          "metric": string;
          "model": string;
          "provider_cost": number;
          "quantity": number;
          "rate_class": string;
          "usage_day": string;
        };
        ComputedFields: never;
        Insert: {
          "agent": string;
          "client_id": string;
          "log_count": number;
          "metric": string;
          "model": string;
          "provider_cost": number;
          "quantity": number;
          "rate_class"?: string;
          "usage_day": string;
        };
        Update: {
          "agent"?: string;
          "client_id"?: string;
          "log_count"?: number;
          "metric"?: string;
          "model"?: string;
          "provider_cost"?: number;
          "quantity"?: number;
          "rate_class"?: string;
          "usage_day"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "usage_records_client_id_fkey";
            columns: ["client_id"];
            isOneToOne: false;
            referencedRelation: "clients";
            referencedColumns: ["id"];
          },
        ];
      };
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
      [_ in never]: never;
    };
    Enums: {
      [_ in never]: never;
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof (
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
    )
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals } ? (
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
  )[TableName] extends {
    Row: infer R;
  } ? R
  : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R;
    } ? R
    : never
  : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends
    {
      Insert: infer I;
    } ? I
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I;
    } ? I
    : never
  : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends
    {
      Update: infer U;
    } ? U
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U;
    } ? U
    : never
  : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][
    CompositeTypeName
  ]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never;

export const Constants = {
  "public": {
    Enums: {},
  },
} as const;
