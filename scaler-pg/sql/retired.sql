-- Lists the retired workers of one installation.
select worker from {group}.member_retired where installation = $1 order by worker
