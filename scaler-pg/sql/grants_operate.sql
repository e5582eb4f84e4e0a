-- Statements that give an operator what it needs besides looking: it makes and withdraws wishes, which are recorded as events.
grant insert, update, delete on {group}.wish to {role};
grant insert on {group}.event to {role};
