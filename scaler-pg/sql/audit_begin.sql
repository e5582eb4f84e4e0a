-- All that is read until the end is of one moment.
begin isolation level repeatable read read only
