-- Statements that take everything from a role that it may have had here, so that what follows is all that it has.
revoke all on schema {group} from {role};
revoke all on all tables in schema {group} from {role};
revoke all on all functions in schema {group} from {role};
revoke all on {table} from {role};
