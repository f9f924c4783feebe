-- key --
with place as (select pg_try_advisory_xact_lock(hashtextextended(%(tenant)s || '/' || %(key)s, 0)) as got)
select got, i.fingerprint, i.run from place left join idempotency i
    on i.tenant = %(tenant)s and i.key = %(key)s and i.created > now() - interval '1 day';
-- forget_keys --
delete from idempotency where created < now() - interval '1 day';
-- room --
select coalesce(t.queued, %(queued)s) as queued, coalesce(t.running, %(running)s) as running,
    (select count(*) from runs
        where runs.tenant = %(tenant)s and state in ('queued', 'waiting_for_approval')) as waiting,
    (select coalesce(jsonb_object_agg(slot, runs), '{}') from (
        select slot, count(*) as runs from runs
        where tenant = %(tenant)s and state in ('queued', 'running') group by slot
    ) as places) as load
from (select 1) as one left join tenants t on t.tenant = %(tenant)s;
-- insert_run --
-- All of a submission in one round trip. `kept`: false where the key was taken between the look at it and this.
with run as (
    insert into runs (id, tenant, state, request, priority, slot, deadline, job, last_seq)
    values (%(run)s, %(tenant)s, 'queued', %(request)s, %(priority)s, %(slot)s,
        now() + make_interval(secs => %(deadline_s)s::float8), %(job)s, 1)
    returning *
), content as (
    insert into submissions (run, content) select id, %(content)s from run
), told_of as (
    insert into callbacks (run, tenant, url) select id, tenant, %(callback)s from run where %(callback)s::text is not null
), event as (
    insert into run_events (run, seq, kind) select id, 1, 'queued' from run
), told as (
    insert into audit (tenant, token, action, subject, detail) select tenant, %(token)s, 'submit', id, '' from run
), kept as (
    insert into idempotency (tenant, key, fingerprint, run)
    select tenant, %(key)s::text, %(fingerprint)s, id from run where %(key)s::text is not null
    on conflict (tenant, key) do update set fingerprint = excluded.fingerprint, run = excluded.run, created = now()
        where idempotency.created < now() - interval '1 day'
    returning run
)
select run.*, %(key)s::text is null or exists (select from kept) as kept from run;
-- set_job --
update runs set job = %(job)s, beat = now() where tenant = %(tenant)s and id = %(run)s returning *;
-- run --
select * from runs where tenant = %(tenant)s and id = %(run)s;
-- lock_run --
select * from runs where tenant = %(tenant)s and id = %(run)s for update;
-- page --
select * from runs
where tenant = %(tenant)s
    and (%(states)s::text[] is null or state = any(%(states)s))
    and (%(outcome)s::text is null or outcome = %(outcome)s)
    and (%(before)s::timestamptz is null or (created, id) < (%(before)s, %(before_id)s))
order by created desc, id desc limit %(limit)s;
-- events --
select e.* from run_events e join runs r on r.id = e.run
where r.tenant = %(tenant)s and e.run = %(run)s and e.seq > %(after)s order by e.seq limit %(limit)s;
-- append --
with moved as (
    update runs set last_seq = last_seq + cardinality(%(kinds)s::text[]), version = version + 1
    where tenant = %(tenant)s and id = %(run)s and (%(epoch)s::integer is null or epoch = %(epoch)s)
    returning last_seq
), added as (
    insert into run_events (run, seq, kind, node, text)
    select %(run)s, last_seq - cardinality(%(kinds)s::text[]) + ord, kind, node, text
    from moved, unnest(%(kinds)s::text[], %(nodes)s::text[], %(texts)s::text[]) with ordinality as e (kind, node, text, ord)
    returning seq
)
select seq, pg_notify('patchwright_runs', %(run)s) from added;
-- ask_to_end --
update runs set cancelling = true, version = version + 1 where tenant = %(tenant)s and id = %(run)s;
-- call --
select pg_notify('patchwright_runs', '!' || %(run)s);
-- end_run --
with ended as (
    update runs set state = %(state)s, finished = now(), outcome = %(outcome)s, headline = %(headline)s,
        problem = %(problem)s, cancelling = false, version = version + 1
    where tenant = %(tenant)s and id = %(run)s and state in ('queued', 'running', 'waiting_for_approval')
        and (%(epoch)s::integer is null or epoch = %(epoch)s)
    returning *
), told as (
    update callbacks c set state = 'due', due = now() from ended where c.run = ended.id and c.state = 'waiting'
), withdrawn as (
    update approvals a set decision = 'withdrawn', decided = now() from ended where a.run = ended.id and a.decision is null
)
select * from ended;
-- claim --
update runs set state = 'running', epoch = epoch + 1, lost = lost + (state = 'running')::integer, beat = now(),
    started = coalesce(started, now()), version = version + 1
where tenant = %(tenant)s and id = %(run)s and job = %(job)s and state in ('queued', 'running')
returning *, deadline < now() as late;
-- content --
select s.content from submissions s join runs r on r.id = s.run where r.tenant = %(tenant)s and r.id = %(run)s;
-- submitted --
select r.request, s.content from runs r left join submissions s on s.run = r.id
where r.tenant = %(tenant)s and r.id = %(run)s for update of r;
-- reseal --
with sealed as (
    update runs set request = coalesce(%(request)s, request) where tenant = %(tenant)s and id = %(run)s returning id
)
update submissions s set content = coalesce(%(content)s, s.content) from sealed where s.run = sealed.id;
-- beat --
update runs set beat = now() where tenant = %(tenant)s and id = %(run)s and epoch = %(epoch)s
returning cancelling, coalesce(deadline < now(), false) as late;
-- release --
update runs set state = 'queued', beat = now(), version = version + 1
where tenant = %(tenant)s and id = %(run)s and epoch = %(epoch)s and state = 'running' returning id;
-- mine --
select epoch from runs where tenant = %(tenant)s and id = %(run)s for share;
-- rescuer --
select pg_try_advisory_xact_lock(482736455) as got;
-- stalled --
-- Also jobs of runs that have ended: a worker may die between ending the one and the other, and its job keeps a slot.
select j.id as job from procrastinate_jobs j left join runs r on r.id = j.args ->> 'run'
where j.status = 'doing' and j.task_name = 'diagnose'
    and (r.job is distinct from j.id or coalesce(r.finished, r.beat) < now() - make_interval(secs => %(stall)s))
    and coalesce((select max(e.at) from procrastinate_events e where e.job_id = j.id and e.type = 'started'), '-infinity')
        < now() - make_interval(secs => %(stall)s);
-- orphans --
select r.id, r.tenant, r.priority, r.slot from runs r
where r.state in ('queued', 'running') and r.beat < now() - make_interval(secs => %(stall)s)
    and not exists (select 1 from procrastinate_jobs j where j.id = r.job and j.status in ('todo', 'doing'))
for update skip locked;
-- overdue --
select id, tenant from runs where state = 'queued' and deadline < now() for update skip locked;
-- live --
select id, tenant, request from runs where state in ('queued', 'running', 'waiting_for_approval');
-- sequences --
select id, last_seq from runs where id = any(%(runs)s);
-- token --
select id, tenant, scopes, coalesce(used < now() - interval '1 minute', true) as stale from tokens
where hash = %(hash)s and revoked is null and (expires is null or expires > now());
-- any_token --
select 1 as one from tokens where revoked is null and (expires is null or expires > now()) limit 1;
-- used --
update tokens set used = now() where id = %(id)s and tenant = %(tenant)s;
-- issue --
insert into tokens (id, tenant, name, hash, scopes, expires)
values (%(id)s, %(tenant)s, %(name)s, %(hash)s, %(scopes)s, %(expires)s) returning *;
-- tokens --
select * from tokens where tenant = %(tenant)s order by created, id;
-- revoke --
update tokens set revoked = coalesce(revoked, now()) where tenant = %(tenant)s and id = %(id)s returning id;
-- audit --
insert into audit (tenant, token, action, subject, detail)
values (%(tenant)s, %(token)s, %(action)s, %(subject)s, %(detail)s);
-- feedback --
with kept as (
    insert into feedback (tenant, run, token, verdict, comment)
    select tenant, id, %(token)s, %(verdict)s, %(comment)s from runs where tenant = %(tenant)s and id = %(run)s
    returning *
), told as (
    insert into audit (tenant, token, action, subject, detail)
    select tenant, token, 'feedback', run, verdict from kept
)
select id from kept;
-- schema --
select version_num from patchwright_schema;
