-- Which installation this is: members of the membership that name another one are strangers. `place` is the database that the identity was
-- made in; see sql/installation_function.sql for a copy of it.
alter table {group}.meta add column installation uuid not null default gen_random_uuid();
alter table {group}.meta add column place text;

-- Since when the leader has told in each renewal that it hears no member, and since when it leads; see sql/campaign.sql and
-- sql/claim_orphans_function.sql.
alter table {group}.leader add column deaf_since timestamptz;
alter table {group}.leader add column elected_at timestamptz;
