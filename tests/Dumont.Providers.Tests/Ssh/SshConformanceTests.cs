using Dumont.Providers.Ssh;

namespace Dumont.Providers.Tests.Ssh;

public sealed class SshConformanceTests : ComputeProviderConformance
{
    private OwnComputer? _computer;

    protected override bool IsFree => true;

    protected override OfferQuery Query => new() { DiskGb = 1 };

    protected override string MissingOfferId => SshOffers.OfferIdOf(8);

    protected override string MissingMachineId => "7/0123456789abcdef";

    protected override async Task<IComputeProvider> OpenAsync(CancellationToken cancellationToken)
    {
        Assert.SkipWhen(OwnComputer.Missing is not null, OwnComputer.Missing ?? "");
        _computer = await OwnComputer.StartAsync();
        return SshBench.Provider(_computer);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_computer is not null)
        {
            await base.DisposeAsync();
            await _computer.DisposeAsync();
        }
    }
}
