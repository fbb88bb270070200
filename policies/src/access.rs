//! Who may do what with a release: the same decision at every door. Deny by default, a forbid overrides.

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Anybody, over HTTP.
    Anonymous,
    /// A member of the forum, over an authenticated connection.
    Member(String),
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
}

impl Action {
    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Read => "read",
            Self::Replicate => "replicate",
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
}

/// Decides at the time `now`, unix seconds.
pub fn decide(subject: &Subject, action: Action, resource: &Resource, now: i64) -> Decision {
    let member = match subject {
        Subject::Anonymous => None,
        Subject::Member(id) => Some(id),
    };
    let permit = |policy| Decision { allowed: true, policy };
    let deny = |policy| Decision { allowed: false, policy };
    if member == Some(&resource.owner) {
        return permit("owner");
    }
    if resource.embargo.is_some_and(|until| now < until) {
        return deny("embargo");
    }
    match (&resource.audience, member, action) {
        (Audience::Public, Some(_), _) | (Audience::Public, None, Action::Discover | Action::Read) => permit("public"),
        (Audience::Forum, Some(_), _) => permit("forum"),
        (Audience::Named(named), Some(id), _) if named.contains(id) => permit("named"),
        _ => deny("default"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_decided_as_written() {
        let named = Audience::Named(vec!["GTM".into()]);
        let member = |id: &str| Subject::Member(id.into());
        let cases = [
            (Subject::Anonymous, Audience::Public, None, Action::Read, true, "public"),
            (Subject::Anonymous, Audience::Public, None, Action::Replicate, false, "default"),
            (Subject::Anonymous, Audience::Forum, None, Action::Discover, false, "default"),
            (Subject::Anonymous, named.clone(), None, Action::Discover, false, "default"),
            (Subject::Anonymous, Audience::Public, Some(101), Action::Discover, false, "embargo"),
            (Subject::Anonymous, Audience::Public, Some(100), Action::Discover, true, "public"),
            (member("GTM"), Audience::Public, None, Action::Replicate, true, "public"),
            (member("GTM"), Audience::Forum, None, Action::Replicate, true, "forum"),
            (member("GTM"), Audience::Forum, Some(101), Action::Replicate, false, "embargo"),
            (member("GTM"), named.clone(), None, Action::Read, true, "named"),
            (member("HND"), named.clone(), None, Action::Discover, false, "default"),
            (member("MEX"), named, Some(101), Action::Read, true, "owner"),
        ];
        for (subject, audience, embargo, action, allowed, policy) in cases {
            let resource = Resource { owner: "MEX".into(), audience, embargo };
            let decision = decide(&subject, action, &resource, 100);
            assert_eq!(decision, Decision { allowed, policy }, "{subject:?} {action:?} {resource:?}");
        }
    }
}
