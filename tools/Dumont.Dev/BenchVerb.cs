namespace Dumont.Dev;

/// <summary><c>./dumont bench [name…]</c>: hands over to the measurements in <c>bench/</c>.</summary>
internal static class BenchVerb
{
    public static async Task<int> RunAsync(Repository repository, string[] names, CancellationToken cancellationToken)
    {
        var project = Path.Combine(repository.Root, "bench", "Dumont.Bench");
        if (names is ["api", ..] or [])
        {
            return await ApiBench.RunAsync(repository, cancellationToken);
        }

        if (names is ["web", ..])
        {
            return await WebBench.RunAsync(repository, cancellationToken);
        }

        if (names is ["codecs", .. var folder])
        {
            return await CodecBench.RunAsync(repository, folder, cancellationToken);
        }

        if (!Directory.Exists(project))
        {
            throw new DevException($"There is no measurement '{names[0]}'. Measurements: api, web, codecs");
        }

        return await Command.RunAsync(
            repository.Root, "dotnet", ["run", "-c", "Release", "--project", project, "--", .. names], cancellationToken);
    }
}
