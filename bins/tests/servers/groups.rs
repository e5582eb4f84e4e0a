//! Programs that work on a table of the user's own, beside those of the reference group.

use crate::system::{System, eventually};

const STATEMENT: &str = "update {table} set polled = polled + 1, by = {worker} where {owned}";

#[tokio::test]
async fn a_group_works_on_the_table_that_its_variables_name() {
    let mut system = System::shared().await;
    system
        .run(
            "create table public.feeds (id bigint primary key, enabled boolean, polled integer default 0, by text);
             insert into public.feeds select n, n <= 12, 0, null from generate_series(1, 20) n",
        )
        .await;
    let table = [("GROUP", "feeds"), ("TABLE", "public.feeds"), ("FILTER", "enabled"), ("STATEMENT", STATEMENT)];
    system.variables = table.map(|(variable, value)| (variable, value.to_owned())).to_vec();
    assert_eq!(system.tool(&["migrate", "--slots", "256"]).await.0, 0);
    system.start_control();
    system.start_worker("worker-1");
    system.start_worker("worker-2");
    eventually("both workers poll, and each row often", async || {
        let query = "select count(*) filter (where polled > 2), count(distinct by), sum(polled) filter (where not enabled) from public.feeds";
        let row: (i64, i64, i64) = sqlx::query_as(query).fetch_one(&system.user).await.unwrap();
        (row == (12, 2, 0)).then_some(()).ok_or(row)
    })
    .await;
    let (code, said) = system.tool(&["items", "list"]).await;
    assert!(
        code == 0 && said.lines().filter(|line| line.starts_with(|letter: char| letter.is_ascii_digit())).count() == 12,
        "{said}"
    );
    for words in [&["items", "add", "1"][..], &["items", "remove", "1"], &["verify"]] {
        let (code, said) = system.tool(words).await;
        assert!(code == 64 && said.contains("public.\"feeds\" is not the table of the increment"), "{words:?}: {code} {said}");
    }
    let (code, said) = system.tool(&["migrate", "--key", "polled"]).await;
    assert!(code == 64 && said.contains("public.\"feeds\".\"polled\" may be null"), "{code} {said}");
    let reference: Option<String> =
        sqlx::query_scalar("select to_regclass('public.work_items')::text").fetch_one(&system.user).await.unwrap();
    assert_eq!(reference, None, "nothing else was made");
}
