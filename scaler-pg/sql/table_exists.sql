select to_regclass({table_text}) is not null
