using System.Diagnostics;

namespace Dumont.Scenarios.Harness;

/// <summary>The programs under test, as they were built in this checkout.</summary>
internal static class Checkout
{
#if DEBUG
    private static readonly string[] Configurations = ["debug", "release"];
#else
    private static readonly string[] Configurations = ["release", "debug"];
#endif

    private static readonly TimeSpan PublishLimit = TimeSpan.FromMinutes(5);

    public static string Root { get; } = FindRoot();

    /// <summary>A built program, of the configuration of this test where there is one.</summary>
    public static string Program(string project, string program) =>
        Configurations.Select(configuration => Path.Combine(Root, "artifacts", "bin", project, configuration, program)).FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException($"{program} is not built: dotnet build src/{project}");

    /// <summary>The single-file agent that the server copies to machines; published when nobody has done so yet.</summary>
    public static async Task<string> AgentAsync(CancellationToken cancellationToken)
    {
        var folder = Path.Combine(Root, "artifacts", "publish", "Dumont.Agent", "release");
        var agent = Path.Combine(folder, "dumont-agent");
        if (File.Exists(agent))
        {
            return agent;
        }

        Directory.CreateDirectory(folder);
        await using var gate = await LockAsync(Path.Combine(Root, "artifacts", "publish", "agent.lock"), cancellationToken);
        if (!File.Exists(agent))
        {
            using var publish = Process.Start("dotnet", ["publish", Path.Combine(Root, "src", "Dumont.Agent"), "-c", "Release", "-o", folder, "-v", "q"]);
            await publish.WaitForExitAsync(cancellationToken);
            Assert.Equal(0, publish.ExitCode);
        }

        return agent;
    }

    private static Task<FileStream> LockAsync(string path, CancellationToken cancellationToken) =>
        Poll.UntilAsync<FileStream>(
            "the lock on publishing the agent",
            PublishLimit,
            () =>
            {
                try
                {
                    return Task.FromResult<FileStream?>(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
                }
                catch (IOException)
                {
                    return Task.FromResult<FileStream?>(null);
                }
            },
            cancellationToken);

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Dumont.slnx")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException("The tests do not lie in a checkout of Dumont.");
        }

        return directory.FullName;
    }
}
