-- Keys of agents are made, replaced and revoked in the audit log's sight. It holds no hash and no
-- token: these are not columns of the key. Use of a key is not a change of it.
create trigger audit_insert after insert on _billing.agent_keys
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();
create trigger audit_update after update on _billing.agent_keys
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.audit_update();
create trigger refuse_delete before delete or truncate on _billing.agent_keys
  for each statement execute function _billing.refuse_change();
