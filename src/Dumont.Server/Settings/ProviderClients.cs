using System.Security.Cryptography;
using Dumont.Providers;
using Dumont.Providers.Gcp;
using Dumont.Providers.Vast;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Settings;

/// <summary>Makes the clients of the real providers, all on one pool of connections.</summary>
internal sealed class ProviderClients(IOptions<VastAccountOptions> vast, IOptions<GcpAccountOptions> gcp, TimeProvider time) : IDisposable
{
    private readonly HttpClient _http = ProviderHttp.CreateClient(ProviderHttp.CreateHandler());

    /// <summary>As <see cref="ProviderClientFactory"/> says.</summary>
    public IComputeProvider Create(string provider, string secret) =>
        provider switch
        {
            VastProvider.ProviderName => new VastProvider(
                _http,
                new VastOptions { BaseUrl = BaseOf(vast.Value.BaseUrl), PaceRequests = vast.Value.PaceRequests },
                new Secret(secret),
                time,
                NewRandom()),
            GcpProvider.ProviderName => new GcpProvider(
                _http,
                new GcpOptions { ComputeUrl = BaseOf(gcp.Value.ComputeUrl), SshPort = gcp.Value.SshPort },
                new Secret(secret),
                time,
                NewRandom()),
            _ => throw new ArgumentOutOfRangeException(nameof(provider), provider, "No such provider."),
        };

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    // A relative path replaces what follows the last slash of its base.
    private static Uri BaseOf(string url) => new(url.EndsWith('/') ? url : url + "/");

    // For jitter only; a client uses its own under a lock.
    private static Random NewRandom() => new(RandomNumberGenerator.GetInt32(int.MaxValue));
}
