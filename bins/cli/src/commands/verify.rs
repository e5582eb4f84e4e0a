//! `notifi-scaler verify`: proves from two snapshots that no item was incremented twice in a tick.

use std::time::Duration;

use clap::Args;
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{Secrets, seconds};
use notifi_scaler_common::overview::refusal;
use notifi_scaler_common::servers::{ServerWait, membership};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::text::told;
use scaler_core::audit::{Deviation, Report};
use scaler_core::{MemberRecord, WorkStore};
use scaler_pg::Scope;
use serde_json::{Value, json};

use super::open;
use super::servers::ServersArgs;

/// Arguments of `notifi-scaler verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// Time between the two snapshots: seconds, such as 60 or 60s, or minutes, such as 5m
    #[arg(long, default_value = "60s", value_parser = seconds)]
    pub window: Duration,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Servers. The membership tells why items are refused; it may be away.
    #[command(flatten)]
    pub servers: ServersArgs,
}

pub(super) async fn run(args: &VerifyArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let ServersArgs { postgres, membership: members, wait } = &args.servers;
    let endpoint = members.endpoint(&Secrets::from_env())?;
    let store = open(postgres, wait).await?;
    // Its error describes best what is missing.
    store.probe_to_look().await?;
    let first = store.snapshot(&Scope::All).await?;
    if !args.json {
        lines.print(format!("{} items; second snapshot in {} s", first.items(), args.window.as_secs()));
    }
    tokio::time::sleep(args.window).await;
    // Waits until Postgres answers: without a second look, the first is useless.
    ServerWait::at_most(wait.wait).until_ready("Postgres", async || Ok(store.ping().await?)).await?;
    let report = store.audit(&Scope::All, first).await?;
    lines.finish(if args.json { object(&report).to_string() } else { text(&report) });
    if report.proves() {
        return Ok(());
    }
    // The refusals reported by workers explain items that gained too little. Without the membership they are not known.
    let members = async || membership(&store, &endpoint, members).await.ok()?.members().await.ok();
    let (members, installation) = (members().await.unwrap_or_default(), store.installation().await?);
    let is_ours = |record: &&MemberRecord| report.short > 0 && record.member.installation == installation;
    let refusals = members.iter().filter(is_ours).filter_map(refusal);
    Err(Failure::Check(amiss(&report).into_iter().chain(refusals).collect()))
}

fn text(report: &Report) -> String {
    let Report { ticks, items, came, gone, doubled, doubles, short, ended, named_ended, late, gaps, longest_gap, named } = report;
    let mut lines = vec![
        format!("{items} items in {ticks} ticks; {came} added, {gone} removed"),
        format!("doubles: {doubles} excess increments on {doubled} items"),
        format!(
            "gaps: {gaps} missed ticks on {late} items, at most {longest_gap} each; {short} items gained less than one per tick of their slots"
        ),
    ];
    if *ended > 0 {
        let names: Vec<_> = named_ended.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "{ended} items have reached the maximum value, {}, and are not incremented any more: {}",
            i32::MAX,
            names.join(" ")
        ));
    }
    lines.extend(named.iter().map(told));
    if report.proves() {
        lines.push("proved: every item gained exactly one per tick of its slot".to_owned());
    }
    lines.join("\n")
}

fn object(report: &Report) -> Value {
    let Report { ticks, items, came, gone, doubled, doubles, short, ended, named_ended: _, late, gaps, longest_gap, named } =
        report;
    json!({
        "proved": report.proves(), "ticks": ticks, "items": items, "came": came, "gone": gone, "doubled_items": doubled,
        "doubles": doubles, "short_items": short, "ended_items": ended, "late_items": late, "gaps": gaps, "longest_gap": longest_gap,
        "named": named.iter().map(deviation).collect::<Vec<_>>(),
    })
}

fn deviation(found: &Deviation) -> Value {
    let Deviation { item, slot, owner, gained, ticked, due } = found;
    json!({
        "item": item.to_string(), "slot": slot.number(), "owner": owner.as_ref().map(ToString::to_string),
        "gained": gained, "ticked": ticked, "due": due,
    })
}

fn amiss(report: &Report) -> Vec<String> {
    let told =
        |count: u64, what: &str| (count > 0).then(|| format!("{count} items gained {what} than one per tick of their slots"));
    [told(report.doubled, "more"), told(report.short, "less")].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use scaler_core::ItemId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn text_and_json_have_the_same_content() {
        let found = Deviation {
            item: ItemId::Uuid(Uuid::from_u128(1)),
            slot: scaler_core::Slot::new(7),
            owner: None,
            gained: 61,
            ticked: 60,
            due: 60,
        };
        let report = Report { ticks: 60, items: 3, doubled: 1, doubles: 1, named: vec![found], ..Report::default() };
        let text = text(&report);
        assert!(text.contains("0001 gained 61 in 60 ticks of slot 7") && !text.contains("proved"), "{text}");
        let object = object(&report);
        assert_eq!((&object["doubles"], &object["proved"], &object["named"][0]["slot"]), (&json!(1), &json!(false), &json!(7)));
        assert_eq!(amiss(&report), ["1 items gained more than one per tick of their slots"]);
        let ended = Report { ended: 1, named_ended: vec![ItemId::Uuid(Uuid::from_u128(1))], ..Report::default() };
        let told = super::text(&ended);
        assert!(
            told.contains("1 items have reached the maximum value, 2147483647, and are not incremented any more: 00000000")
                && told.contains("proved")
        );
        assert!(super::text(&Report::default()).ends_with("per tick of its slot"));
    }
}
