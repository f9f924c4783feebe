-- oncall_alone --
select pg_advisory_xact_lock(hashtextextended('oncall/' || %(tenant)s, 11)), extract(epoch from now())::float8 as now;
-- oncall_fresh --
-- The digests among these that are new, which they are not any more.
insert into oncall_messages (tenant, digest)
select %(tenant)s, digest from unnest(%(digests)s::text[]) as digest on conflict do nothing returning digest;
-- oncall_live --
select *, extract(epoch from touched)::float8 as touched_at, extract(epoch from opened)::float8 as opened_at
from oncall_incidents
where tenant = %(tenant)s and state <> 'merged'
    and (touched > now() - make_interval(secs => %(quiet)s) or id = any(%(ids)s::text[]))
order by seq;
-- oncall_known --
-- Each alert as it is in the incident that it joined last.
select distinct on (fingerprint) fingerprint, incident, firing, starts, ends from oncall_alerts
where tenant = %(tenant)s and fingerprint = any(%(fingerprints)s::text[]) order by fingerprint, joined desc;
-- oncall_recent --
select count(*) as many from oncall_alerts
where tenant = %(tenant)s and joined > now() - make_interval(secs => %(window)s);
-- oncall_put_incident --
insert into oncall_incidents as known (id, tenant, state, title, severity, services, titles, messages, alerts, firing,
    flaps, since, until, storm, manual, merged, due, closed)
values (%(id)s, %(tenant)s, %(state)s, %(title)s, %(severity)s, %(services)s, %(titles)s, %(messages)s, %(alerts)s,
    %(firing)s, %(flaps)s, %(since)s, %(until)s, %(storm)s, %(manual)s, %(merged)s,
    now() + make_interval(secs => %(settle)s), case when %(state)s = 'resolved' then now() end)
on conflict (id) do update set state = excluded.state, severity = excluded.severity, services = excluded.services,
    titles = excluded.titles, messages = excluded.messages, alerts = excluded.alerts, firing = excluded.firing,
    flaps = excluded.flaps, since = excluded.since, until = excluded.until, storm = excluded.storm,
    merged = excluded.merged, touched = now(), revision = known.revision + 1,
    wanted = known.wanted + %(more)s,
    due = case when known.looked < known.wanted or %(more)s = 0 then known.due
        else greatest(now() + make_interval(secs => %(settle)s),
            coalesce(known.noted, now()) + make_interval(secs => %(update)s)) end,
    closed = case when excluded.state = 'resolved' then coalesce(known.closed, now()) end;
-- oncall_put_alert --
insert into oncall_alerts (tenant, fingerprint, incident, firing, starts, ends, value)
values (%(tenant)s, %(fingerprint)s, %(incident)s, %(firing)s, %(starts)s, %(ends)s, %(value)s)
on conflict (tenant, fingerprint, incident) do update set firing = excluded.firing, starts = excluded.starts,
    ends = excluded.ends, value = excluded.value;
-- oncall_move_alerts --
-- What stands in the incident already stays, unless what comes joined later.
with moved as (delete from oncall_alerts where tenant = %(tenant)s and incident = any(%(merged)s::text[]) returning *)
insert into oncall_alerts as known (tenant, fingerprint, incident, firing, starts, ends, value, joined)
select distinct on (fingerprint) tenant, fingerprint, %(incident)s, firing, starts, ends, value, joined
from moved order by fingerprint, joined desc
on conflict (tenant, fingerprint, incident) do update set firing = excluded.firing, starts = excluded.starts,
    ends = excluded.ends, value = excluded.value, joined = excluded.joined where excluded.joined > known.joined;
-- oncall_put_delivery --
insert into oncall_deliveries (incident, channel)
select id, channel from oncall_incidents, unnest(%(channels)s::text[]) as channel
where id = %(incident)s and tenant = %(tenant)s on conflict do nothing;
-- oncall_incident --
select * from oncall_incidents where tenant = %(tenant)s and id = %(incident)s;
-- oncall_incidents --
select * from oncall_incidents where tenant = %(tenant)s and (%(before)s = 0 or seq < %(before)s)
    and (%(state)s = '' or state = %(state)s) order by seq desc limit %(limit)s;
-- oncall_alerts --
select value from oncall_alerts where tenant = %(tenant)s and incident = %(incident)s order by joined limit %(limit)s;
-- oncall_deliveries --
select d.* from oncall_deliveries d join oncall_incidents i on i.id = d.incident
where i.tenant = %(tenant)s and i.id = %(incident)s order by d.channel;
-- oncall_resolve --
update oncall_incidents set state = 'resolved', firing = 0, closed = now(), revision = revision + 1,
    until = greatest(until, extract(epoch from now())::bigint)
where tenant = %(tenant)s and id = %(incident)s and state = 'open' returning id;
-- oncall_still_alerts --
update oncall_alerts set firing = false, ends = extract(epoch from now())::bigint
where tenant = %(tenant)s and incident = %(incident)s and firing;
-- oncall_same_cause --
select id, title, since from oncall_incidents
where tenant = %(tenant)s and cause = %(cause)s and cause <> ''
    and seq < (select seq from oncall_incidents where tenant = %(tenant)s and id = %(incident)s) order by seq desc limit 5;
-- oncall_feedback --
insert into oncall_feedback (incident, token, verdict, comment)
select id, %(token)s, %(verdict)s, %(comment)s from oncall_incidents where id = %(incident)s and tenant = %(tenant)s
on conflict (incident, token) do update set verdict = excluded.verdict, comment = excluded.comment, at = now()
returning incident;
-- oncall_rated --
select 1 as one from oncall_feedback f join oncall_incidents i on i.id = f.incident
where i.tenant = %(tenant)s and i.id = %(incident)s limit 1;
-- oncall_claim --
-- An incident to look into, one without a note before others: who had it and is silent has lost it, which is a try as
-- well.
update oncall_incidents set attempts = attempts + 1, tries = tries + 1, lease = now() + make_interval(secs => %(lease)s)
where id = (
    select id from oncall_incidents where looked < wanted and state <> 'merged' and due <= now()
        and coalesce(lease < now(), true) and tenant = %(tenant)s
    order by note is not null, due limit 1 for update skip locked
)
returning *;
-- oncall_hold --
update oncall_incidents set lease = now() + make_interval(secs => %(lease)s)
where id = %(incident)s and attempts = %(attempt)s and lease is not null returning id;
-- oncall_release --
update oncall_incidents set lease = null, tries = greatest(tries - 1, 0)
where tenant = %(tenant)s and id = %(incident)s and attempts = %(attempt)s and lease is not null returning id;
-- oncall_noted --
-- again: seconds after which it is looked at once more, negative for never.
update oncall_incidents set note = %(note)s, noted = now(), cause = %(cause)s, looked = %(wanted)s, lease = null,
    looks = looks + 1, tries = 0, problem = '', revision = revision + 1,
    wanted = case when wanted = %(wanted)s and %(again)s >= 0 then wanted + 1 else wanted end,
    due = now() + make_interval(secs => greatest(%(again)s, %(update)s))
where id = %(incident)s and attempts = %(attempt)s and lease is not null returning id;
-- oncall_unlooked --
update oncall_incidents set lease = null, problem = %(problem)s,
    due = now() + make_interval(secs => %(after)s),
    looked = case when %(given_up)s then %(wanted)s else looked end,
    tries = case when %(given_up)s then 0 else tries end, revision = revision + 1
where id = %(incident)s and attempts = %(attempt)s and lease is not null returning id;
-- oncall_want_patch --
-- Once for each cause; again: also where there was one that found nothing.
update oncall_incidents set patch_state = 'wanted', patch_cause = cause, patch_turn = patch_turn + 1,
    patch_token = %(token)s, patch_run = '', patch_outcome = '', patch_headline = '', patch_problem = '',
    patch_due = now(), patch_lease = null, patch_tries = 0, revision = revision + 1
where tenant = %(tenant)s and id = %(incident)s and cause <> '' and state <> 'merged'
    and (patch_state = '' or patch_cause <> cause
        or %(again)s and (patch_state = 'refused' or patch_state = 'ended' and patch_outcome <> 'verified_patch'))
returning id;
-- oncall_claim_patch --
update oncall_incidents set patch_attempts = patch_attempts + 1, patch_tries = patch_tries + 1,
    patch_lease = now() + make_interval(secs => %(lease)s)
where id = (
    select id from oncall_incidents where patch_state = 'wanted' and patch_due <= now()
        and coalesce(patch_lease < now(), true) and tenant = %(tenant)s
    order by patch_due limit 1 for update skip locked
)
returning *;
-- oncall_hold_patch --
update oncall_incidents set patch_lease = now() + make_interval(secs => %(lease)s)
where tenant = %(tenant)s and id = %(incident)s and patch_attempts = %(attempt)s and patch_lease is not null
returning id;
-- oncall_release_patch --
update oncall_incidents set patch_lease = null, patch_tries = greatest(patch_tries - 1, 0)
where tenant = %(tenant)s and id = %(incident)s and patch_attempts = %(attempt)s and patch_lease is not null
returning id;
-- oncall_handed --
update oncall_incidents set patch_state = 'running', patch_run = %(run)s, patch_lease = null, patch_problem = '',
    revision = revision + 1
where tenant = %(tenant)s and id = %(incident)s and patch_attempts = %(attempt)s and patch_lease is not null
returning id;
-- oncall_unhanded --
update oncall_incidents set patch_state = case when %(given_up)s then 'refused' else 'wanted' end, patch_lease = null,
    patch_problem = %(problem)s, patch_due = now() + make_interval(secs => %(after)s),
    revision = revision + %(given_up)s::int
where tenant = %(tenant)s and id = %(incident)s and patch_attempts = %(attempt)s and patch_lease is not null
returning id;
-- oncall_patches_over --
-- A run that was removed has ended, and nobody can say how.
select i.id, i.patch_run, coalesce(r.outcome, '') as outcome, coalesce(r.headline, '') as headline,
    case when r.id is null then 'the diagnosis was removed' when r.problem <> '' then r.problem
        when r.state = 'finished' then '' else 'the diagnosis ' || replace(r.state, '_', ' ') end as problem
from oncall_incidents i left join runs r on r.id = i.patch_run and r.tenant = i.tenant
where i.patch_state = 'running' and i.tenant = %(tenant)s
    and (r.id is null or r.state in ('finished', 'failed', 'cancelled', 'timed_out'))
order by i.seq limit 100;
-- oncall_patched --
update oncall_incidents set patch_state = 'ended', patch_outcome = %(outcome)s, patch_headline = %(headline)s,
    patch_problem = %(problem)s, revision = revision + 1
where tenant = %(tenant)s and id = %(incident)s and patch_state = 'running' and patch_run = %(run)s returning id;
-- oncall_tell --
-- One that was given up is tried again when the incident has reached another stage.
update oncall_deliveries set attempts = attempts + 1, lease = now() + make_interval(secs => %(lease)s),
    tries = case when dead then 1 else tries + 1 end, dead = false
where (incident, channel) = (
    select d.incident, d.channel from oncall_deliveries d join oncall_incidents i on i.id = d.incident
    where d.told < i.revision and d.due <= now() and coalesce(d.lease < now(), true)
        and i.tenant = %(tenant)s and i.opened < now() - make_interval(secs => %(settle)s)
        and not (i.state = 'merged' and d.told = 0) and not (d.dead
            and d.died = case when i.state <> 'open' then i.state when i.note is null then 'opened'
                when i.patch_state = 'ended' and i.patch_outcome = 'verified_patch' and i.patch_cause = i.cause
                then 'patched' else 'noted' end)
    order by d.due limit 1 for update of d skip locked
)
returning *;
-- oncall_trying --
update oncall_deliveries set trying = %(revision)s
where incident = %(incident)s and channel = %(channel)s and attempts = %(attempt)s returning channel;
-- oncall_told --
update oncall_deliveries set told = %(revision)s, turns = turns + (stage <> %(stage)s)::int, stage = %(stage)s,
    reference = %(reference)s, trying = 0,
    tries = 0, lease = null, problem = %(problem)s, due = now() + make_interval(secs => %(pause)s)
where incident = %(incident)s and channel = %(channel)s and attempts = %(attempt)s returning channel;
-- oncall_untold --
update oncall_deliveries set lease = null, problem = %(problem)s, dead = %(dead)s, died = %(died)s, trying = %(trying)s,
    due = now() + make_interval(secs => %(after)s)
where incident = %(incident)s and channel = %(channel)s and attempts = %(attempt)s returning channel;
-- oncall_forget_messages --
delete from oncall_messages where at < now() - interval '30 days';
-- oncall_forget_incidents --
delete from oncall_incidents where state <> 'open' and touched < now() - make_interval(days => %(days)s);
