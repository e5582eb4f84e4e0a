//! Programs that log in as roles which may do just what they need, in Postgres and in Redis.

use std::process::Command;

use test_servers::{Postgres, Redis};

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed};
use crate::programs::Which;
use crate::system::{System, eventually};

const REDIS_RULES: &str = include_str!("../../../deploy/files/redis.acl");

struct Guarded {
    system: System,
    url_of_worker: String,
    url_of_control: String,
    _servers: (Postgres, Redis),
}

impl Guarded {
    /// Servers of their own, since roles would stay behind on others, with two roles and a user of Redis.
    async fn new() -> Self {
        let (postgres, redis) = (Postgres::private().await, Redis::private().await);
        let mut system = System::on(postgres.url().to_owned(), redis.url().to_owned()).await;
        system.run("create role scaler_worker login; create role scaler_control login").await;
        let rules = REDIS_RULES.replace("workers", &system.redis_key);
        let words = ["-u", &system.redis_url, "acl", "setuser", "scaler", "on", ">secret"];
        let status = Command::new("redis-cli").args(words).args(rules.split_whitespace()).output().unwrap();
        assert!(String::from_utf8_lossy(&status.stdout).contains("OK"), "{status:?}");
        let port = redis.url().rsplit_once(':').unwrap().1.to_owned();
        system.variables = vec![
            ("REDIS_URL", String::new()),
            ("REDIS_HOST", "127.0.0.1".to_owned()),
            ("REDIS_PORT", port),
            ("REDIS_USER", "scaler".to_owned()),
            ("REDIS_PASSWORD", "secret".to_owned()),
        ];
        let url = |role: &str| postgres.url().replacen("postgres@", &format!("{role}@"), 1);
        Self { system, url_of_worker: url("scaler_worker"), url_of_control: url("scaler_control"), _servers: (postgres, redis) }
    }

    fn start(&mut self) {
        self.system.control =
            Some(self.system.start(Which::ControlPlane, &[], &[("DATABASE_URL", self.url_of_control.as_str())]));
        for name in ["worker-1", "worker-2", "worker-3"] {
            let variables = [("DATABASE_URL", self.url_of_worker.as_str()), ("POD_NAME", name)];
            let program = self.system.start(Which::Worker, &[], &variables);
            self.system.workers.insert(name.to_owned(), program);
        }
    }

    async fn migrate(&self, more: &[&str]) -> String {
        let words = [&["migrate", "--worker-role", "scaler_worker", "--control-role", "scaler_control"], more].concat();
        let (code, said) = self.system.tool(&words).await;
        assert_eq!(code, 0, "{said}");
        said
    }
}

#[tokio::test]
async fn a_limited_role_waits_for_the_owner_to_install_and_grants_change_online() {
    let mut guarded = Guarded::new().await;
    guarded.start();
    eventually("all wait for the owner", async || {
        let control = guarded.system.control.as_ref().unwrap();
        let waiting = control.err.contain("run `notifi-scaler migrate` as its owner")
            && guarded.system.workers.values().all(|worker| worker.err.contain("schema"));
        waiting.then_some(()).ok_or_else(|| format!("{control:?} {:?}", guarded.system.workers))
    })
    .await;
    let said = guarded.migrate(&["--hard"]).await;
    let granted =
        "scaler_worker has the privileges of a worker, by functions only; scaler_control has the privileges of a control plane";
    assert!(said.contains(granted), "{said}");
    let system = &guarded.system;
    crate::oracle::watch(&system.user).await;
    assert_eq!(system.tool(&["items", "add", "10"]).await.0, 0);
    system.until_loads(&[4, 3, 3]).await;

    let first = system.tick().await + 1;
    for rights in [&[][..], &["--hard"]] {
        guarded.migrate(rights).await;
        let now = system.tick().await;
        system.until_tick(now + 3).await;
    }
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last - 1).await;
    println!("hard, by tables and hard again: {} increments, 0 missed, 0 doubles", assert_nothing_doubled(&system.user).await);
    let (code, status) = system.tool(&["status"]).await;
    assert!(code == 0 && status.matches("healthy").count() == 3, "{status}");
}

#[tokio::test]
async fn a_hand_over_and_a_restart_in_place_work_in_the_hard_way() {
    let mut guarded = Guarded::new().await;
    guarded.migrate(&["--hard"]).await;
    crate::oracle::watch(&guarded.system.user).await;
    assert_eq!(guarded.system.tool(&["items", "add", "100"]).await.0, 0);
    guarded.start();
    guarded.system.until_loads(&[34, 33, 33]).await;
    let first = guarded.system.tick().await;
    let mut leaver = guarded.system.workers.remove("worker-1").unwrap();
    leaver.signal("TERM");
    assert_eq!(leaver.ended().await, 0, "{leaver:?}");
    guarded.system.until_loads(&[50, 50]).await;
    let last = guarded.system.tick().await;
    assert_nothing_missed(&guarded.system.user, first..=last).await;

    let before = guarded.system.owned().await;
    guarded.system.kill_worker("worker-2");
    let variables = [("DATABASE_URL", guarded.url_of_worker.as_str()), ("POD_NAME", "worker-2")];
    let again = guarded.system.start(Which::Worker, &[], &variables);
    guarded.system.workers.insert("worker-2".to_owned(), again);
    guarded.system.until_loads(&[50, 50]).await;
    assert_eq!(guarded.system.owned().await.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert_nothing_doubled(&guarded.system.user).await;
}

#[tokio::test]
async fn roles_that_cannot_serve_are_named() {
    let guarded = Guarded::new().await;
    for (words, expected, code) in [
        (&["migrate", "--worker-role", "nobody"][..], "role nobody does not exist", 64),
        (&["migrate", "--control-role", "postgres"], "role postgres is a superuser", 64),
        (&["migrate", "--worker-role", "scaler_worker", "--control-role", "scaler_worker"], "name different roles", 64),
        (&["migrate", "--hard"], "--worker-role", 64),
    ] {
        let (ended, said) = guarded.system.tool(words).await;
        assert!(ended == code && said.contains(expected), "{words:?}: {ended}: {said}");
    }
}
