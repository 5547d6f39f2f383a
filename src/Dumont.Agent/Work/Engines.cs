using System.Net.Http.Headers;
using Dumont.Contracts;
using Dumont.Snapshots;
using Dumont.Snapshots.Engines;

namespace Dumont.Agent.Work;

/// <summary>The engines of this machine. All of them reach the repository through the server, with the machine's own token: a machine holds no key of the
/// store, and the server lets it add but never change or delete.</summary>
internal sealed class MachineEngines(AgentConfig config, string resticProgram, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan RequestLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan GraceOfPrune = TimeSpan.FromDays(1);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) })
    {
        Timeout = RequestLimit,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", config.Token) },
    };

    /// <summary>As <see cref="EngineFactory"/> says.</summary>
    public ISnapshotEngine Create(AgentWork work) =>
        work.Engine switch
        {
            DumontEngine.Name => new DumontEngine(
                new ServerObjectStore(_http, $"{RootOf(work)}/objects", time), RepositorySecret.FromKey(Convert.FromHexString(work.Secret)), GraceOfPrune, time),
            ResticEngine.Name => new ResticEngine(resticProgram, ResticRepositoryOf(work)),
            _ => throw new SnapshotEngineException(SnapshotFailure.NotInstalled, $"This agent has no engine {work.Engine}; it may be too old."),
        };

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    private string RootOf(AgentWork work) => $"{config.ServerUrl.TrimEnd('/')}/api/v1/agent/repositories/{work.RepositoryId}";

    // The server speaks restic's REST protocol. The token is part of the location because restic takes it from nowhere else in this version; the location
    // is only in the child's environment.
    private ResticRepository ResticRepositoryOf(AgentWork work)
    {
        var server = new UriBuilder(config.ServerUrl)
        {
            UserName = "machine",
            Password = Uri.EscapeDataString(config.Token),
        };
        server.Path = new Uri($"{RootOf(work)}/restic/").AbsolutePath;
        return new ResticRepository(
            $"rest:{server.Uri.AbsoluteUri}", work.Secret, new Dictionary<string, string>(), Path.Combine(config.StateDirectory, "restic-cache"));
    }
}
