// Every world is a cloud, a server and a handful of machines: one at a time is what two cores carry, and what keeps the timings honest.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
