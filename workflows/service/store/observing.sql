-- standing --
-- Of all tenants together. `beat` of a waiting run: since when it waits.
select count(*) filter (where state = 'queued') as waiting, count(*) filter (where state = 'running') as running,
    count(*) filter (where state = 'waiting_for_approval') as asking,
    greatest(0, coalesce(extract(epoch from now() - min(beat) filter (where state = 'queued')), 0))::float8 as oldest_s
from runs where state in ('queued', 'running', 'waiting_for_approval');
-- traced --
update procrastinate_jobs set args = args || jsonb_build_object('previous', %(traceparent)s::text) where id = %(job)s
returning id;
