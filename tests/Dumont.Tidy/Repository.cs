namespace Dumont.Tidy;

/// <summary>The checkout that the tests look at.</summary>
internal static class Repository
{
    /// <summary>Its top folder.</summary>
    public static readonly string Root = FindRoot();

    /// <summary>Files below <paramref name="folder"/> that match, without build output.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Where(file => !Relative(file).StartsWith("artifacts/", StringComparison.Ordinal));

    /// <summary>Path as people write it.</summary>
    public static string Relative(string file) => Path.GetRelativePath(Root, file);

    // Assert.Empty would cut each message after some 50 characters.
    public static void Report(IEnumerable<string> wrong)
    {
        var messages = wrong.ToList();
        Assert.True(messages.Count == 0, string.Join(Environment.NewLine, messages));
    }

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "global.json")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException("global.json not found above the test binary.");
        }

        return directory.FullName;
    }
}
