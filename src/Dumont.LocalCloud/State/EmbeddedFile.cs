namespace Dumont.LocalCloud.State;

/// <summary>Files that travel inside the program.</summary>
internal static class EmbeddedFile
{
    public static string Read(string name)
    {
        using var stream = typeof(EmbeddedFile).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"the program carries no file {name}");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>Rows of a table by column name; lines that start with # are remarks.</summary>
    public static IReadOnlyList<IReadOnlyDictionary<string, string>> ReadTable(string name)
    {
        var lines = Read(name).Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line => line.Split(',')).ToArray();
        return [.. lines.Skip(1).Select(cells => lines[0].Zip(cells).ToDictionary(cell => cell.First, cell => cell.Second))];
    }
}
