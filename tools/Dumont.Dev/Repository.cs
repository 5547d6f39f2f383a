using System.Xml.Linq;

namespace Dumont.Dev;

/// <summary>Where things lie in a checkout.</summary>
internal sealed class Repository(string root)
{
    public string Root { get; } = root;

    /// <summary>The launcher itself.</summary>
    public string Launcher => Path.Combine(Root, "dumont");

    /// <summary>The published single-file agent that the server copies to machines.</summary>
    public string AgentFile => Path.Combine(Root, "artifacts", "publish", "Dumont.Agent", "release", "dumont-agent");

    /// <summary>The published command line, as the launcher starts it.</summary>
    public string CommandLine => Path.Combine(Root, "artifacts", "publish", "Dumont.Cli", "release", "dumont-cli");

    /// <summary>The checkout that this program was built in.</summary>
    public static Repository Find()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Dumont.slnx")))
        {
            directory = directory.Parent ?? throw new DevException("dumont-dev does not lie in a checkout of Dumont.");
        }

        return new Repository(directory.FullName);
    }

    /// <summary>A built program.</summary>
    /// <exception cref="DevException">It is not built.</exception>
    public string Program(string project, string program)
    {
        var file = Path.Combine(Root, "artifacts", "bin", project, "release", program);
        return File.Exists(file) ? file : throw new DevException($"{Path.GetRelativePath(Root, file)} is not built.");
    }

    /// <summary>Test projects of the solution, by name.</summary>
    public IReadOnlyList<string> TestProjects() =>
    [
        .. XDocument.Load(Path.Combine(Root, "Dumont.slnx")).Descendants("Project")
            .Select(p => p.Attribute("Path")!.Value)
            .Where(p => p.StartsWith("tests/", StringComparison.Ordinal))
            .Select(p => Path.GetFileNameWithoutExtension(p)),
    ];
}
