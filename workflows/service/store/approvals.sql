-- wait --
update runs set state = 'waiting_for_approval', beat = now(), version = version + 1
where tenant = %(tenant)s and id = %(run)s and epoch = %(epoch)s and state = 'running' and not cancelling
returning id;
-- ask --
with asked as (
    insert into approvals (run, id, tenant, subject, question, detail, consequence, expires)
    values (%(run)s, %(id)s, %(tenant)s, %(subject)s, %(question)s, %(detail)s, %(consequence)s,
        now() + make_interval(secs => %(wait_s)s::float8))
    returning run, id
)
insert into callbacks (run, tenant, url, about, state, due)
select c.run, c.tenant, c.url, asked.id, 'due', now() from callbacks c join asked on asked.run = c.run
where c.about = 'ended';
-- approvals --
select a.* from approvals a join runs r on r.id = a.run
where r.tenant = %(tenant)s and a.run = %(run)s order by a.asked, a.id;
-- settle_approval --
update approvals set decision = %(decision)s, note = %(note)s, more = %(more)s, token = %(token)s, decided = now()
where tenant = %(tenant)s and run = %(run)s and id = %(id)s and decision is null
returning *;
-- go_on --
-- The deadline stands still while a person is waited for. `beat` of a waiting run: since when it waits.
update runs set state = 'queued', job = %(job)s, slot = %(slot)s, beat = now(), version = version + 1,
    deadline = deadline + (now() - %(asked)s::timestamptz)
where tenant = %(tenant)s and id = %(run)s and state = 'waiting_for_approval' returning id;
-- unanswered --
select r.*, a.id as approval, a.asked from approvals a join runs r on r.id = a.run
where a.decision is null and a.expires < now() and r.state = 'waiting_for_approval'
order by a.expires limit 100 for update of r skip locked;
