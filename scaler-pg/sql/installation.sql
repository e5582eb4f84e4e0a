select {group}.installation()
