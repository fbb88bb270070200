//! The forum's time: an embargo ends when this node's clock and the median of what other states' witnesses say have both passed it, so that
//! neither a clock that is wrong nor one that was set forward lets figures out early.

use std::collections::BTreeMap;

use chancery_ledger::charter::Role;
use chancery_ledger::{cosignature, time};
use chancery_policies::access::Action;
use chancery_store::Store;
use chancery_store::releases::{ReleaseRow, ReleaseSelection};

use crate::doctor::Finding;
use crate::error::{Doing as _, Result};
use crate::node::Node;

/// How far behind the witnesses' clocks this node's may be, in seconds.
const MAX_BEHIND_S: i64 = 120;
/// How long ago the witnesses' median may be, in seconds: a head is cosigned again every hour.
const MAX_SILENT_S: i64 = 2 * 3600;

fn judged(at: i64) -> String {
    if at == 0 { "no time".to_owned() } else { time::format(at) }
}

impl Node {
    /// The time that embargoes are judged by.
    pub(crate) fn access_now(&self) -> i64 {
        self.now().min(self.forum_time())
    }

    /// Reads what the witnesses say: the median of each other state's newest cosignature, whatever log it is on. Fewer than the
    /// charter's quorum say nothing, and no embargo ends. What they said once stays said: an embargo that has ended does not begin again because a
    /// state was suspended or removed.
    pub(crate) async fn read_forum_time(&self) -> Result<()> {
        let trust = self.trust()?;
        let (forum, kept) = (trust.forum().to_owned(), format!("forum-time.{}", trust.forum()));
        let name = kept.clone();
        let read = move |s: &Store| Ok((s.cosignature_list(&forum)?, s.setting_get(&name)?));
        let (rows, last) = self.store().run(read).await.or_storage(|| "cannot read the cosignatures".to_owned())?;
        let mut last: i64 = last.and_then(|text| text.parse().ok()).unwrap_or(0);
        let now = self.now();
        // What a suspended state said last is as old as its suspension, and would hold every embargo back as long.
        let state = |id: &str| {
            trust.charter().member(id).is_some_and(|m| m.role == Role::MemberState)
                && trust.suspended(id, now).is_none()
        };
        let mut newest: BTreeMap<String, i64> = BTreeMap::new();
        for row in rows.into_iter().filter(|r| r.witness != self.member() && state(&r.witness)) {
            let at = newest.entry(row.witness).or_insert(row.at);
            *at = row.at.max(*at);
        }
        let enough = newest.len() >= trust.charter().witness_quorum(self.member());
        let said = cosignature::median(newest.into_values().collect()).filter(|_| enough);
        if let Some(said) = said.filter(|said| *said > last) {
            let raised = self.store().run(move |s| s.setting_raise(&kept, said)).await;
            last = raised.or_storage(|| "cannot keep the forum's time".to_owned())?;
        }
        // Where nobody must cosign, nobody else's clock counts.
        let time = if enough { said.unwrap_or(i64::MAX).max(last) } else { last };
        self.set_forum_time(time);
        Ok(())
    }

    /// Whether this node's clock and the witnesses' agree.
    pub(crate) fn check_clock(&self) -> Finding {
        let (now, said) = (self.now(), self.forum_time());
        let times = || format!("{} here, {} by the other states' witnesses", time::format(now), time::format(said));
        let (ok, detail) = match said {
            0 => (true, "too few states have cosigned yet: no embargo ends".to_owned()),
            i64::MAX => (true, "nobody must cosign: embargoes end by this node's clock alone".to_owned()),
            _ if said > now.saturating_add(MAX_BEHIND_S) => (false, format!("{}: set this node's clock", times())),
            _ if said < now.saturating_sub(MAX_SILENT_S) => (
                false,
                format!(
                    "{}: embargoes end when these say so too; is this node's clock right, are theirs there?",
                    times()
                ),
            ),
            _ => (true, times()),
        };
        Finding {
            check: "clock",
            ok,
            detail: format!("{detail}; embargoes are judged by {}", judged(self.access_now())),
        }
    }

    /// Titles of this member's own releases of a dataflow that are under embargo, each with its end: they are in force nowhere yet.
    pub async fn under_embargo(&self, dataflow: &str) -> Result<Vec<(String, String)>> {
        let Ok(trust) = self.trust() else { return Ok(Vec::new()) };
        let forum = trust.forum().to_owned();
        let selection = ReleaseSelection {
            dataflow: Some(dataflow.to_owned()),
            member: Some(self.member().to_owned()),
            ..ReleaseSelection::default()
        };
        let rows = self.store().run(move |s| s.release_list(&forum, &selection)).await;
        let rows = rows.or_storage(|| "cannot read the releases".to_owned())?;
        let waits = |row: &ReleaseRow| row.withdrawn_at.is_none() && self.may(Action::Read, row);
        let until = |row: &ReleaseRow| row.embargo.filter(|until| *until > self.access_now()).map(time::format);
        Ok(rows.into_iter().filter(waits).filter_map(|row| until(&row).map(|until| (row.title, until))).collect())
    }

    /// The latest embargo in `(after, until]` of a release that is held, whosever.
    pub(crate) async fn embargo_between(&self, after: i64, until: i64) -> Result<Option<i64>> {
        if after >= until {
            return Ok(None);
        }
        let forum = self.trust()?.forum().to_owned();
        let found = self.store().run(move |s| s.release_embargo(&forum, after, until)).await;
        found.or_storage(|| "cannot read the embargoes".to_owned())
    }
}
