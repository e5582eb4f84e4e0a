select wait_ms, claimed, unticked from {group}.claim_orphans($1, $2, $3, $4)
