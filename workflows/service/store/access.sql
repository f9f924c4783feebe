-- alive --
select id from runs where state in ('queued', 'running', 'waiting_for_approval');
-- git_hosts --
select git_hosts from tenants where tenant = %(tenant)s;
-- set_git_hosts --
insert into tenants (tenant, git_hosts) values (%(tenant)s, %(hosts)s::text[])
on conflict (tenant) do update set git_hosts = excluded.git_hosts returning tenant;
-- credential --
select * from credentials where tenant = %(tenant)s and host = %(host)s;
-- credentials --
select * from credentials where tenant = %(tenant)s order by host;
-- set_credential --
insert into credentials (tenant, host, username, reference)
values (%(tenant)s, %(host)s, %(username)s, %(reference)s)
on conflict (tenant, host) do update set username = excluded.username, reference = excluded.reference, created = now()
returning *;
-- remove_credential --
delete from credentials where tenant = %(tenant)s and host = %(host)s returning host;
-- ended --
select id, tenant from runs where finished is not null and id > %(after)s order by id limit 500;
