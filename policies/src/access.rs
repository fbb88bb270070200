//! Who may do what with a release: the same decision at every door. Deny by default, a forbid overrides. The seat of the policy
//! engine to come: callers see [`decide`] only.

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Anybody, over HTTP.
    Anonymous,
    /// A member of the forum, over an authenticated connection.
    Member(String),
    /// A person who works at the node of this member. Reads as the member does; only nodes replicate.
    Operator(String),
}

/// What for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To see that it exists.
    Discover,
    /// To read its figures or file.
    Read,
    /// To hold a copy.
    Replicate,
    /// To have figures counted in an answer.
    Query,
}

impl Action {
    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Read => "read",
            Self::Replicate => "replicate",
            Self::Query => "query",
        }
    }
}

/// For whom a release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    Public,
    /// The forum's members.
    Forum,
    /// These members.
    Named(Vec<String>),
}

/// What is asked of.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its issuer.
    pub owner: String,
    /// For whom it is.
    pub audience: Audience,
    /// Not before, unix seconds.
    pub embargo: Option<i64>,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The rule that decided.
    pub policy: &'static str,
    /// Why, for people.
    pub reason: &'static str,
}

/// Decides at the time `now`, unix seconds. An embargo is over at its very second.
pub fn decide(subject: &Subject, action: Action, resource: &Resource, now: i64) -> Decision {
    let permit = |policy, reason| Decision { allowed: true, policy, reason };
    let deny = |policy, reason| Decision { allowed: false, policy, reason };
    let member = match subject {
        Subject::Anonymous => None,
        Subject::Member(id) | Subject::Operator(id) => Some(id),
    };
    // Copies are held by nodes, which show a member's key; everybody else reads.
    if action == Action::Replicate && !matches!(subject, Subject::Member(_)) {
        return deny("default", "only nodes of members replicate");
    }
    if member == Some(&resource.owner) {
        return permit("owner", "it is the asker's own");
    }
    if resource.embargo.is_some_and(|until| now < until) {
        return deny("embargo", "its embargo has not passed");
    }
    match (&resource.audience, member) {
        (Audience::Public, _) => permit("public", "it is public"),
        (Audience::Forum, Some(_)) => permit("forum", "it is for the forum, and a member asks"),
        (Audience::Named(named), Some(id)) if named.contains(id) => permit("named", "it names the member that asks"),
        _ => deny("default", "no rule permits it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One column for each audience and embargo state; `+` allowed, `-` denied, then the rule's first letter.
    const COLUMNS: [&str; 6] = ["public", "forum", "named", "public held", "forum held", "named held"];
    const TABLE: &[(&str, &str, [&str; 6])] = &[
        ("anonymous", "discover ", ["+p", "-d", "-d", "-e", "-e", "-e"]),
        ("anonymous", "read     ", ["+p", "-d", "-d", "-e", "-e", "-e"]),
        ("anonymous", "query    ", ["+p", "-d", "-d", "-e", "-e", "-e"]),
        ("anonymous", "replicate", ["-d", "-d", "-d", "-d", "-d", "-d"]),
        ("owner    ", "discover ", ["+o", "+o", "+o", "+o", "+o", "+o"]),
        ("owner    ", "read     ", ["+o", "+o", "+o", "+o", "+o", "+o"]),
        ("owner    ", "query    ", ["+o", "+o", "+o", "+o", "+o", "+o"]),
        ("owner    ", "replicate", ["+o", "+o", "+o", "+o", "+o", "+o"]),
        ("named    ", "discover ", ["+p", "+f", "+n", "-e", "-e", "-e"]),
        ("named    ", "read     ", ["+p", "+f", "+n", "-e", "-e", "-e"]),
        ("named    ", "query    ", ["+p", "+f", "+n", "-e", "-e", "-e"]),
        ("named    ", "replicate", ["+p", "+f", "+n", "-e", "-e", "-e"]),
        ("other    ", "discover ", ["+p", "+f", "-d", "-e", "-e", "-e"]),
        ("other    ", "read     ", ["+p", "+f", "-d", "-e", "-e", "-e"]),
        ("other    ", "query    ", ["+p", "+f", "-d", "-e", "-e", "-e"]),
        ("other    ", "replicate", ["+p", "+f", "-d", "-e", "-e", "-e"]),
        ("operator ", "discover ", ["+p", "+f", "+n", "-e", "-e", "-e"]),
        ("operator ", "read     ", ["+p", "+f", "+n", "-e", "-e", "-e"]),
        ("operator ", "query    ", ["+p", "+f", "+n", "-e", "-e", "-e"]),
        ("operator ", "replicate", ["-d", "-d", "-d", "-d", "-d", "-d"]),
        ("own      ", "discover ", ["+o", "+o", "+o", "+o", "+o", "+o"]),
        ("own      ", "read     ", ["+o", "+o", "+o", "+o", "+o", "+o"]),
        ("own      ", "query    ", ["+o", "+o", "+o", "+o", "+o", "+o"]),
        ("own      ", "replicate", ["-d", "-d", "-d", "-d", "-d", "-d"]),
    ];

    #[test]
    fn every_combination_is_decided_as_written() {
        let subjects = [
            ("anonymous", Subject::Anonymous),
            ("owner", Subject::Member("MEX".into())),
            ("named", Subject::Member("GTM".into())),
            ("other", Subject::Member("HND".into())),
            ("operator", Subject::Operator("GTM".into())),
            ("own", Subject::Operator("MEX".into())),
        ];
        let actions = [Action::Discover, Action::Read, Action::Query, Action::Replicate];
        let audiences = [Audience::Public, Audience::Forum, Audience::Named(vec!["GTM".into()])];
        assert_eq!(TABLE.len(), subjects.len() * actions.len());
        for (who, what, expected) in TABLE {
            let (_, subject) = subjects.iter().find(|(name, _)| *name == who.trim()).unwrap();
            let action = *actions.iter().find(|a| a.as_str() == what.trim()).unwrap();
            for (column, cell) in expected.iter().enumerate() {
                let held = column >= audiences.len();
                let audience = audiences[column % audiences.len()].clone();
                let resource = Resource { owner: "MEX".into(), audience, embargo: held.then_some(101) };
                let decision = decide(subject, action, &resource, 100);
                let found = format!("{}{}", if decision.allowed { '+' } else { '-' }, &decision.policy[..1]);
                assert_eq!(found, *cell, "{who} {what} {}: {decision:?}", COLUMNS[column]);
            }
        }
    }

    #[test]
    fn an_embargo_ends_at_its_second() {
        for (now, allowed) in [(99, false), (100, true)] {
            let resource = Resource { owner: "MEX".into(), audience: Audience::Public, embargo: Some(100) };
            assert_eq!(decide(&Subject::Anonymous, Action::Read, &resource, now).allowed, allowed);
        }
    }
}
