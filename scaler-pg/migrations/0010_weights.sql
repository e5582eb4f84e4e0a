-- A weight is at most 1000, as programs check it. The column stays a bigint, since programs of the previous version read one.
update {group}.wish set weight = 1000 where weight > 1000;
alter table {group}.wish add constraint weight_can_be check (weight <= 1000);
