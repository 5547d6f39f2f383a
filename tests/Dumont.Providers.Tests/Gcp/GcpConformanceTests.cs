using Dumont.Providers.Gcp;
using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Gcp;

public sealed class GcpConformanceTests : ComputeProviderConformance
{
    private FakeServer? _server;
    private HttpClient? _http;

    protected override string MissingOfferId => "us-west9-a/e2-medium/spot";

    protected override string MissingMachineId => "us-west4-a/dumont-conf-0-0";

    protected override async Task<IComputeProvider> OpenAsync(CancellationToken cancellationToken)
    {
        _server = await FakeServer.StartAsync(new GcpFake().AnswerAsync);
        _http = ProviderHttp.CreateClient(ProviderHttp.CreateHandler());
        var options = new GcpOptions { ComputeUrl = new Uri(_server.Url, "compute/v1/") };
        var keyFile = new Secret(GcpBench.KeyFile(new Uri(_server.Url, "token").ToString()));
        return new GcpProvider(_http, options, keyFile, new ManualTimeProvider(TimeSpan.FromSeconds(9)), new Random(1));
    }

    // The fake moves on with each look.
    protected override Task PauseAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _http?.Dispose();
        await _server!.DisposeAsync();
    }
}
