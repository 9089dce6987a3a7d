-- Every job is scheduled, or put right.

select _billing.schedule_jobs();
