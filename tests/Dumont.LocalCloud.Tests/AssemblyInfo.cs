// Most of these wait for machines that boot and end: two a processor keep it busy.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
