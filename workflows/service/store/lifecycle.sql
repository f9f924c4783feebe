-- callback --
select c.* from callbacks c join runs r on r.id = c.run where r.tenant = %(tenant)s and c.run = %(run)s and c.about = 'ended';
-- lease --
-- One sender has a callback at a time; a tenant whose receivers hang leaves room for the others.
update callbacks set leased = now() + make_interval(secs => %(lease_s)s::float8), tries = tries + 1
where (run, about) in (
    select c.run, c.about from callbacks c
    where c.state = 'due' and c.due <= now() and coalesce(c.leased <= now(), true)
        and (select count(*) from callbacks b
            where b.state = 'due' and b.tenant = c.tenant and b.leased > now()) < %(share)s
    order by c.tries, c.due limit 1 for update skip locked
)
returning *;
-- settle --
update callbacks set state = %(state)s, status = %(status)s, problem = %(problem)s, leased = null,
    due = case when %(state)s = 'due' then now() + make_interval(secs => %(pause_s)s::float8) end,
    settled = case when %(state)s = 'due' then null else now() end
where run = %(run)s and about = %(about)s and tries = %(tries)s and state = 'due' returning run;
-- lapsed --
-- Runs to remove, whose removal nobody else began a short time ago.
update runs set removing = now() where id in (
    select id from runs
    where finished < now() - make_interval(secs => %(age_s)s::float8)
        and (removing is null or removing < now() - interval '10 minutes')
        and not exists (select 1 from callbacks c where c.run = runs.id and c.state = 'due')
    order by finished limit %(most)s for update skip locked
)
returning id, tenant;
-- kept_runs --
select id, tenant, finished > now() - interval '1 hour' as young from runs
where finished is not null order by finished desc, id desc;
-- excess --
-- As for `lapsed`. What ended within the hour stays: whoever waits for it has had no time to look.
update runs set removing = now() where id in (
    select id from runs
    where id = any(%(runs)s::text[]) and finished < now() - interval '1 hour'
        and (removing is null or removing < now() - interval '10 minutes')
        and not exists (select 1 from callbacks c where c.run = runs.id and c.state = 'due')
    for update skip locked
)
returning id, tenant;
-- forget_points --
delete from checkpoints where thread_id = any(%(runs)s::text[]);
-- forget_blobs --
delete from checkpoint_blobs where thread_id = any(%(runs)s::text[]);
-- forget_writes --
delete from checkpoint_writes where thread_id = any(%(runs)s::text[]);
-- forget_runs --
delete from runs where id = any(%(runs)s::text[]) and finished is not null;
-- forget_audit --
delete from audit where id in (
    select id from audit where at < now() - make_interval(secs => %(age_s)s::float8) order by at limit 1000
);
