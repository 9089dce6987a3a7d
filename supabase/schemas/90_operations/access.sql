-- Nobody but the owner calls a function that was not granted. PostgreSQL lets everybody execute a
-- new function, and default privileges of a schema can add to that, not take from it.
revoke all on all routines in schema billing, _billing from public;
