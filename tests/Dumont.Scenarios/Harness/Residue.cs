namespace Dumont.Scenarios.Harness;

/// <summary>What a world may leave behind: processes whose command line names its folder, and mounts below it.</summary>
internal static class Residue
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Waits until nothing is left, and fails with the list of what is.</summary>
    public static Task AwaitNoneAsync(string folder) =>
        Poll.UntilAsync(
            $"no process and no mount of {folder} is left",
            Limit,
            () => Task.FromResult(!Find(folder).Any()),
            CancellationToken.None,
            () => Task.FromResult(string.Join("\n", Find(folder))));

    private static IEnumerable<string> Find(string folder)
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            if (TryRead(Path.Combine(process, "cmdline"))?.Replace('\0', ' ') is { } words && words.Contains(folder, StringComparison.Ordinal))
            {
                yield return $"process {Path.GetFileName(process)}: {words}";
            }
        }

        foreach (var mount in File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(folder, StringComparison.Ordinal)))
        {
            yield return $"mount: {mount}";
        }
    }

    private static string? TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or belongs to somebody else.
            return null;
        }
    }
}
