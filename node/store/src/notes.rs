//! What a node notes about others: when a peer was seen, what was refused, who was let read what.

use diesel::prelude::*;

use crate::database::{AnyConnection, Doing, Store, StoreError};
use crate::schema::{decisions, peers, refusals, settings};

/// Decisions and refusals kept; older ones are dropped.
const KEPT: i64 = 100_000;
/// Characters kept of a text that may come from a peer.
const MAX_TEXT_CHARS: usize = 2_000;
/// Names of settings that callers may choose start with this; the store has its own beside them.
const SETTING_PREFIX: &str = "node.";

/// Something refused.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = refusals)]
pub struct RefusalRow {
    /// From whom it came.
    pub peer: String,
    /// What it was.
    pub what: String,
    /// Why it was refused.
    pub reason: String,
    /// Unix seconds.
    pub at: i64,
}

/// An access decision, or as many equal ones as `count` says within the hour from `at`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = decisions)]
pub struct NewDecision {
    /// Unix seconds.
    pub at: i64,
    /// Who asked.
    pub subject: String,
    /// For what.
    pub action: String,
    /// Of what.
    pub resource: String,
    /// The answer.
    pub allowed: bool,
    /// By which policies.
    pub policy: String,
    /// What the asker said it was for; empty if nothing.
    pub purpose: String,
    /// How many times.
    pub count: i64,
}

impl Store {
    /// Notes that a peer is there now.
    pub fn peer_seen(&self, forum: &str, member: &str, at: i64) -> Result<(), StoreError> {
        self.write(|c| {
            let updated = diesel::update(peers::table.find((forum, member)))
                .set(peers::last_seen.eq(at))
                .execute(c)
                .doing("note the peer")?;
            if updated == 0 {
                diesel::insert_into(peers::table)
                    .values((peers::forum.eq(forum), peers::member.eq(member), peers::last_seen.eq(at)))
                    .execute(c)
                    .doing("note the peer")?;
            }
            Ok(())
        })
    }

    /// When each peer was last there.
    pub fn peer_list(&self, forum: &str) -> Result<Vec<(String, i64)>, StoreError> {
        let c = &mut *self.connection()?;
        peers::table
            .filter(peers::forum.eq(forum))
            .select((peers::member, peers::last_seen))
            .load(c)
            .doing("read the peers")
    }

    /// Notes something refused.
    pub fn refusal_put(&self, forum: &str, peer: &str, what: &str, reason: &str, at: i64) -> Result<(), StoreError> {
        self.write(|c| {
            let newest: Option<i64> =
                refusals::table.select(diesel::dsl::max(refusals::id)).first(c).doing("count the refusals")?;
            diesel::delete(refusals::table.filter(refusals::id.lt(newest.unwrap_or(0) - KEPT)))
                .execute(c)
                .doing("drop old refusals")?;
            diesel::insert_into(refusals::table)
                .values((
                    refusals::forum.eq(forum),
                    refusals::peer.eq(bounded(peer)),
                    refusals::what.eq(bounded(what)),
                    refusals::reason.eq(bounded(reason)),
                    refusals::at.eq(at),
                ))
                .execute(c)
                .doing("note the refusal")?;
            Ok(())
        })
    }

    /// The newest refusals.
    pub fn refusal_list(&self, forum: &str, limit: i64) -> Result<Vec<RefusalRow>, StoreError> {
        let c = &mut *self.connection()?;
        refusals::table
            .filter(refusals::forum.eq(forum))
            .order(refusals::id.desc())
            .limit(limit)
            .select(RefusalRow::as_select())
            .load(c)
            .doing("read the refusals")
    }

    /// Notes decisions.
    pub fn decision_put(&self, new: &[NewDecision]) -> Result<(), StoreError> {
        self.write(|c| insert_decisions(c, new))
    }

    /// Adds counted decisions to the rows that are equal to them but for the count.
    pub fn decision_count(&self, counted: &[NewDecision]) -> Result<(), StoreError> {
        use crate::schema::decisions::dsl as d;
        let mut new = Vec::new();
        self.write(|c| {
            new.clear();
            for one in counted {
                let equal = d::decisions
                    .filter(d::at.eq(one.at).and(d::resource.eq(&one.resource)).and(d::subject.eq(&one.subject)))
                    .filter(d::action.eq(&one.action).and(d::allowed.eq(one.allowed)).and(d::policy.eq(&one.policy)))
                    .filter(d::purpose.eq(&one.purpose));
                let updated = diesel::update(equal).set(d::count.eq(d::count + one.count)).execute(c);
                if updated.doing("count the decision")? == 0 {
                    new.push(one.clone());
                }
            }
            insert_decisions(c, &new)
        })
    }

    /// The newest decisions.
    pub fn decision_list(&self, limit: i64) -> Result<Vec<NewDecision>, StoreError> {
        let c = &mut *self.connection()?;
        let query = decisions::table.order(decisions::id.desc()).limit(limit).select(NewDecision::as_select());
        query.load(c).doing("read the decisions")
    }

    /// Stores or replaces a setting.
    pub fn setting_put(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let name = format!("{SETTING_PREFIX}{name}");
        self.write(|c| {
            diesel::delete(settings::table.find(&name)).execute(c).doing("replace the setting")?;
            let row = (settings::name.eq(&name), settings::value.eq(value));
            diesel::insert_into(settings::table).values(row).execute(c).doing("store the setting")?;
            Ok(())
        })
    }

    /// Stores a number as a setting, unless a greater one is there. Returns the one that is there now.
    pub fn setting_raise(&self, name: &str, value: i64) -> Result<i64, StoreError> {
        let name = format!("{SETTING_PREFIX}{name}");
        self.write(|c| {
            let place = settings::table.find(&name);
            let held: Option<String> = place.select(settings::value).first(c).optional().doing("read the setting")?;
            if let Some(held) = held.and_then(|text| text.parse().ok()).filter(|held| *held >= value) {
                return Ok(held);
            }
            diesel::delete(place).execute(c).doing("replace the setting")?;
            let row = (settings::name.eq(&name), settings::value.eq(value.to_string()));
            diesel::insert_into(settings::table).values(row).execute(c).doing("store the setting")?;
            Ok(value)
        })
    }

    /// A setting.
    pub fn setting_get(&self, name: &str) -> Result<Option<String>, StoreError> {
        let c = &mut *self.connection()?;
        let query = settings::table.find(format!("{SETTING_PREFIX}{name}")).select(settings::value);
        query.first(c).optional().doing("read the setting")
    }
}

fn insert_decisions(c: &mut AnyConnection, new: &[NewDecision]) -> Result<(), StoreError> {
    let newest: Option<i64> =
        decisions::table.select(diesel::dsl::max(decisions::id)).first(c).doing("count the decisions")?;
    diesel::delete(decisions::table.filter(decisions::id.lt(newest.unwrap_or(0) - KEPT)))
        .execute(c)
        .doing("drop old decisions")?;
    for decision in new {
        diesel::insert_into(decisions::table).values(decision).execute(c).doing("note the decision")?;
    }
    Ok(())
}

/// The text without what is too long, and without the null character, which PostgreSQL cannot store.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(MAX_TEXT_CHARS).collect()
}
