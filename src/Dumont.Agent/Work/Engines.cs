using Dumont.Contracts;
using Dumont.Snapshots.Engines;

namespace Dumont.Agent.Work;

/// <summary>The engines of this machine. All of them reach the repository through the server, with the machine's own token: a machine holds no key of the
/// store, and the server lets it add but never change or delete.</summary>
internal sealed class MachineEngines(AgentConfig config, string resticProgram)
{
    /// <summary>As <see cref="EngineFactory"/> says.</summary>
    public ISnapshotEngine Create(AgentWork work) =>
        work.Engine switch
        {
            ResticEngine.Name => new ResticEngine(resticProgram, ResticRepositoryOf(work)),
            _ => throw new SnapshotEngineException(SnapshotFailure.NotInstalled, $"This agent has no engine {work.Engine}; it may be too old."),
        };

    // The server speaks restic's REST protocol. The token is part of the location because restic takes it from nowhere else in this version; the location
    // is only in the child's environment.
    private ResticRepository ResticRepositoryOf(AgentWork work)
    {
        var server = new UriBuilder(config.ServerUrl)
        {
            UserName = "machine",
            Password = Uri.EscapeDataString(config.Token),
        };
        server.Path = $"{server.Path.TrimEnd('/')}/api/v1/agent/repositories/{work.RepositoryId}/restic/";
        return new ResticRepository(
            $"rest:{server.Uri.AbsoluteUri}", work.Secret, new Dictionary<string, string>(), Path.Combine(config.StateDirectory, "restic-cache"));
    }
}
