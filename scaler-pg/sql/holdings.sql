select slot, epoch, ended, cause from {group}.holdings($1, $2, $3, $4)
