// Every world is a cloud, a server and a handful of machines of its own, and most of what a scenario does is wait: for a boot, a heartbeat, a copy. Three at a
// time keep two cores busy without making them late. Parallel are the classes; the tests of one share its world and come one after another.
[assembly: CollectionBehavior(MaxParallelThreads = 3)]
