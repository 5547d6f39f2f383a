using Dumont.Providers.Tests.Fakes;
using Dumont.Providers.Vast;

namespace Dumont.Providers.Tests.Vast;

public sealed class VastConformanceTests : ComputeProviderConformance
{
    private FakeServer? _server;
    private HttpClient? _http;

    protected override string MissingOfferId => "999999999";

    protected override string MissingMachineId => "999999999";

    protected override async Task<IComputeProvider> OpenAsync(CancellationToken cancellationToken)
    {
        _server = await FakeServer.StartAsync(new VastFake().AnswerAsync);
        _http = ProviderHttp.CreateClient(ProviderHttp.CreateHandler());
        var options = new VastOptions { BaseUrl = _server.Url, PaceRequests = false };
        return new VastProvider(_http, options, new Secret(VastBench.Canary), TimeProvider.System, new Random(1));
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
