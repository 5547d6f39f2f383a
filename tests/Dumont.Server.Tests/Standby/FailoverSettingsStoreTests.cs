using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Tests.Platform.Store;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Tests.Standby;

/// <summary>The feature's SQL on every database.</summary>
public sealed class FailoverSettingsStoreTests
{
    private static readonly InstanceId Id = new(5);

    public static TheoryData<Backend> Databases => Backends.All;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Change_ManyAtTheSameTime_LosesNone(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var (ana, bo) = (new UserId(await test.AddUserAsync("ana@example.com")), new UserId(await test.AddUserAsync("bo@example.com")));
        var settings = new FailoverSettings(test.Database, new ManualTimeProvider(), Options.Create(new DetectionOptions()));

        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => settings.ChangeOwnAsync(
            ana, Id, before => before with { FailoverThreshold = (before.FailoverThreshold ?? 10) + 1 }, Cancel)));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => settings.ChangeOfUserAsync(
            ana, before => before with { FailoverThreshold = (before.FailoverThreshold ?? 50) + 1 }, Cancel)));

        Assert.Equal(20, (await settings.GetAsync(ana, Id, Cancel)).FailoverThreshold);
        Assert.Equal(60, (await settings.GetAsync(ana, new InstanceId(6), Cancel)).FailoverThreshold);
        Assert.Equal(3, (await settings.GetAsync(bo, new InstanceId(7), Cancel)).FailoverThreshold);
        Assert.Equal([Id], (await settings.ListOwnAsync(ana, Cancel)).Keys);
        Assert.Empty(await settings.ListOwnAsync(bo, Cancel));

        await settings.RemoveOwnAsync(Id, Cancel);
        Assert.Equal(60, (await settings.GetAsync(ana, Id, Cancel)).FailoverThreshold);
    }
}
