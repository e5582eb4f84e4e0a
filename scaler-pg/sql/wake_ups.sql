-- Returns how many wake-up notifications there were, of members and of all others.
select of_members, of_others from {group}.wake_ups()
