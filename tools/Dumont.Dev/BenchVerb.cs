namespace Dumont.Dev;

/// <summary><c>./dumont bench [name]</c>: one measurement.</summary>
internal static class BenchVerb
{
    public static Task<int> RunAsync(Repository repository, string[] names, BenchSettings settings, CancellationToken cancellationToken) => names switch
    {
        [] or ["api"] => ApiBench.RunAsync(repository, cancellationToken),
        ["failover", .. var counts] => FailoverBench.RunAsync(repository, counts, cancellationToken),
        ["web"] => WebBench.RunAsync(repository, cancellationToken),
        ["snapshots"] => SnapshotBench.RunAsync(repository, settings, cancellationToken),
        ["transfer", .. var only] => TransferBench.RunAsync(repository, only, cancellationToken),
        ["primitives"] => PrimitivesBench.RunAsync(repository, cancellationToken),
        ["codecs", .. var folder] => CodecBench.RunAsync(repository, folder, cancellationToken),
        _ => throw new DevException($"There is no measurement '{names[0]}'. Measurements: api, codecs, failover, primitives, snapshots, transfer, web"),
    };
}
