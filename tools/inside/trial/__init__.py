"""The trial server: runs candidate fixes against tests inside the sandbox, one forked child per batch of candidates.

wire       JSON lines with the host, on descriptors that no test sees
supervise  forking, limits on CPU time, wall time and memory, and the end of whole process groups
sources    files of the workspace, their outermost functions, candidates written to disk and taken back
swap       a candidate's function bodies put into the live function objects, and taken out again
items      pytest driven from inside: collection, one test at a time, what a failure looks like
isolation  process and module state put back between the candidates of one child
work       what a child does: baseline, batch of candidates, confirmation
observe    calls of the repaired code recorded, varied and replayed, to compare candidates by behaviour
describe   values as short structural text
server     the loop over requests, hot (tests collected once) or cold (collected anew for every candidate)
"""
