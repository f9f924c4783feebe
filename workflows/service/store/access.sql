-- alive --
select id from runs where state in ('queued', 'running');
