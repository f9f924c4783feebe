-- github_put --
-- A delivery that is there already stays as it is; one that was given up is tried again.
insert into github_deliveries as known (digest, guid, event, lane, body, state, problem, finished)
values (%(digest)s, %(guid)s, %(event)s, %(lane)s, %(body)s, %(state)s, %(problem)s,
    case when %(state)s = 'done' then now() end)
on conflict (digest) do update set state = 'todo', attempts = 0, due = now(), lease = null, finished = null, problem = ''
    where known.state = 'dead'
returning digest;
-- github_claiming --
select pg_advisory_xact_lock(482736456);
-- github_claim --
update github_deliveries set attempts = attempts + 1, lease = now() + make_interval(secs => %(lease)s)
where digest = (
    select d.digest from github_deliveries d
    where d.state = 'todo' and d.due <= now() and coalesce(d.lease < now(), true)
        and not exists (
            select from github_deliveries o where o.lane = d.lane and o.state = 'todo' and o.lease >= now()
        )
    order by d.received, d.digest limit 1 for update skip locked
)
returning *;
-- github_hold --
update github_deliveries set lease = now() + make_interval(secs => %(lease)s)
where digest = %(digest)s and attempts = %(attempt)s and state = 'todo' returning digest;
-- github_close --
update github_deliveries set state = %(state)s, problem = %(problem)s, finished = now(), lease = null
where digest = %(digest)s and attempts = %(attempt)s and state = 'todo' returning digest;
-- github_later --
update github_deliveries set due = now() + make_interval(secs => %(after)s), lease = null, problem = %(problem)s,
    attempts = attempts - %(free)s
where digest = %(digest)s and attempts = %(attempt)s and state = 'todo' returning digest;
-- github_forget --
delete from github_deliveries where state <> 'todo' and finished < now() - interval '30 days';
-- github_forget_asked --
delete from github_redelivered where at < now() - interval '1 day';
-- github_counts --
select state, count(*) as many from github_deliveries group by state;
-- github_asked_again --
select 1 as one from github_redelivered where delivery = %(delivery)s and at > now() - interval '15 minutes';
-- github_keep_asked --
insert into github_redelivered (delivery) values (%(delivery)s) on conflict (delivery) do update set at = now();
-- github_log_read --
select read_until from github_log;
-- github_keep_log_read --
insert into github_log (read_until) values (%(until)s)
on conflict (one) do update set read_until = greatest(github_log.read_until, excluded.read_until);
-- github_open_case --
insert into github_cases (key, place, subject, installation, head_sha, state, diagnosis, value)
values (%(key)s, %(place)s, %(subject)s, %(installation)s, %(head_sha)s, %(state)s, %(diagnosis)s, %(value)s)
on conflict (key) do nothing returning value;
-- github_change_case --
insert into github_cases (key, place, subject, installation, head_sha, state, diagnosis, value)
values (%(key)s, %(place)s, %(subject)s, %(installation)s, %(head_sha)s, %(state)s, %(diagnosis)s, %(value)s)
on conflict (key) do update set installation = excluded.installation, state = excluded.state,
    diagnosis = excluded.diagnosis, value = excluded.value, changed = now();
-- github_case --
select value from github_cases where key = %(key)s;
-- github_case_of --
select value from github_cases where diagnosis = %(diagnosis)s and diagnosis <> '';
-- github_cases --
select value from (
    select seq, value from github_cases where place = %(place)s and subject = %(subject)s order by seq desc limit 200
) as newest order by seq;
-- github_cases_at --
select value from github_cases where place = %(place)s and head_sha = %(head_sha)s order by seq limit 200;
-- github_any_case --
select 1 as one from github_cases
where place = %(place)s and state in ('new', 'diagnosing', 'settled', 'superseded') limit 1;
-- github_cases_open --
select value from github_cases where installation = %(installation)s and state in ('new', 'diagnosing')
    and (%(repository)s = 0 or place = %(repository)s) order by seq;
-- github_cases_over --
select c.value, r.state, r.outcome, r.problem from github_cases c join runs r on r.id = c.diagnosis
where c.state = 'diagnosing' and c.diagnosis <> '' and r.state in ('finished', 'failed', 'cancelled', 'timed_out')
order by c.seq limit %(limit)s;
-- github_subjects --
-- Pull requests of which a case was changed since, the latest change last.
select place, subject, max(changed) as changed from github_cases
where changed > %(since)s group by place, subject order by max(changed) limit %(limit)s;
-- github_published --
select value from github_published where place = %(place)s and subject = %(subject)s;
-- github_keep_published --
insert into github_published (place, subject, value) values (%(place)s, %(subject)s, %(value)s)
on conflict (place, subject) do update set value = excluded.value, changed = now();
-- github_alone --
select pg_try_advisory_lock(hashtextextended('github/' || %(place)s || '/' || %(subject)s, 7)) as got;
-- github_together --
select pg_advisory_unlock(hashtextextended('github/' || %(place)s || '/' || %(subject)s, 7)) as got;
-- github_keep_access --
insert into github_access (installation, repository, gone) values (%(installation)s, %(repository)s, %(gone)s)
on conflict (installation, repository) do update set gone = excluded.gone, changed = now();
-- github_all_access --
delete from github_access where installation = %(installation)s and repository <> 0;
-- github_access --
select coalesce(bool_or(gone), false) as gone from github_access
where installation = %(installation)s and repository in (0, %(repository)s);
-- github_react --
insert into github_reactions (place, comment, reaction, value)
values (%(place)s, %(comment)s, %(reaction)s, %(value)s) on conflict do nothing returning comment;
-- github_reactions --
select value as place, comment, reaction, attempts from github_reactions where state = 'todo' and due <= now()
order by seq limit %(limit)s;
-- github_reacted --
update github_reactions set state = 'done' where place = %(place)s and comment = %(comment)s and reaction = %(reaction)s;
-- github_react_later --
update github_reactions set attempts = attempts + 1, due = now() + make_interval(secs => %(after)s)
where place = %(place)s and comment = %(comment)s and reaction = %(reaction)s;
-- github_forget_reactions --
delete from github_reactions where asked < now() - interval '30 days';
-- github_list --
-- The newest ones of a state, or of all.
select digest, guid, event, state, attempts, received, due, problem from github_deliveries
where %(state)s = '' or state = %(state)s order by received desc, digest limit %(limit)s;
-- github_retry --
-- What was given up is tried again, by its id at GitHub or by its digest; all of it for ''.
update github_deliveries set state = 'todo', attempts = 0, due = now(), lease = null, finished = null
where state = 'dead' and (%(one)s = '' or guid = %(one)s or digest = %(one)s) returning digest;
