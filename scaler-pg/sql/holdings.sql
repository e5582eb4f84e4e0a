select slot, epoch, ended from {group}.holdings($1, $2, $3, $4)
