using Dumont.Contracts;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.OwnMachines;

/// <summary>The user's own machines, with what the last checks say.</summary>
internal sealed class OwnMachinesView(IServiceProvider services, OwnMachineStore store) : ILiveView
{
    /// <summary>Name of the view.</summary>
    public const string ViewName = "own-machines";

    /// <inheritdoc />
    public string Name => ViewName;

    /// <inheritdoc />
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(10);

    /// <inheritdoc />
    public async Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken)
    {
        var machines = (await store.ListOfUserAsync(key.UserId, cancellationToken)).Select(OwnMachineEndpoints.ToResponse).ToList();
        return await Page.FragmentsAsync(services, key.Ui, async render => new LiveContent(
            [new(ViewName, await render.RenderAsync<OwnMachineList>(("Machines", machines)))],
            null,
            machines.Select(machine => machine.InstanceId).OfType<long>().Select(id => new InstanceId(id)).ToHashSet()));
    }
}
