using System.Net;
using System.Text.Json.Nodes;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Standby;

public sealed class FailoverSettingsPageTests
{
    private const string Form = "#failover-settings form";

    [Fact]
    public async Task AllInstances_WrongFieldIsNamedAndWhatWasTypedStays_ThenItIsSaved()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var page = await user.GetAsync("/settings/standby");
        Assert.Equal(("1", "3"), (page.One("#health_check_interval").GetAttribute("value"), page.One("#failover_threshold").GetAttribute("value")));

        var wrong = await user.SendAsync(page, Form, ("strategy", "disabled"), ("health_check_interval", "quick"), ("failover_threshold", "1"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.Status);
        Assert.Equal("quick", wrong.One("#health_check_interval").GetAttribute("value"));
        Assert.Equal(["health_check_interval-error", "failover_threshold-error"], wrong.Document.QuerySelectorAll(".field-error").Select(error => error.Id));
        Assert.Equal("disabled", wrong.One("#strategy option[selected]").GetAttribute("value"));

        wrong = await user.SendAsync(
            page, Form, ("strategy", "disabled"), ("health_check_interval", "1"), ("failover_threshold", "3"), ("sync_excludes", "fine\r\n[open"), ("sync_bandwidth_limit", "fast"));
        Assert.Equal(["sync_excludes-error", "sync_bandwidth_limit-error"], wrong.Document.QuerySelectorAll(".field-error").Select(error => error.Id));
        Assert.Contains("'[open' is not a pattern", wrong.TextOf("#sync_excludes-error"), StringComparison.Ordinal);
        Assert.Equal("fast", wrong.One("#sync_bandwidth_limit").GetAttribute("value"));

        var saved = await user.SendAsync(
            wrong,
            Form,
            ("strategy", "disabled"),
            ("health_check_interval", "0.5"),
            ("failover_threshold", "4"),
            ("sync_excludes", "cache\r\n\r\n *.tmp "),
            ("sync_bandwidth_limit", "50"));
        Assert.Equal("/settings/standby", saved.Location);
        var settings = (await spine.SendAsync("GET", "/failover/settings/global")).Body!;
        Assert.Equal(("disabled", 2.0), (settings["strategy"]!.GetValue<string>(), settings["detection_seconds"]!.GetValue<double>()));
        Assert.Equal("""["cache","*.tmp"]""", settings["sync_excludes"]!.ToJsonString());
        Assert.Equal(50, settings["sync_bandwidth_limit"]!.GetValue<int>());
        Assert.Equal("cache\n*.tmp", (await user.GetAsync("/settings/standby")).TextOf("#sync_excludes"));
    }

    [Fact]
    public async Task OneInstance_ShowsWhatIsMissing_AndItsOwnSettingsHoldUntilItFollowsAllAgain()
    {
        await using var spine = await SpineServer.StartAsync();
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var instance = $"/instances/{await spine.RunningAsync()}";
        var path = $"{instance}/failover-settings";
        var page = await user.GetAsync(path);
        Assert.Equal(instance, page.One(".page-header a.back").GetAttribute("href"));
        Assert.Equal("not ready", page.TextOf("#readiness .badge"));
        Assert.Contains("has no standby", page.TextOf("#readiness .note"), StringComparison.Ordinal);
        Assert.Empty(page.Document.QuerySelectorAll("button[name=use_global]"));

        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await user.SendAsync(page, Form, ("strategy", "warm_pool"), ("health_check_interval", "1"), ("failover_threshold", "3"))).Status);
        Assert.Equal(path, (await user.SendAsync(page, Form, ("strategy", "cpu_standby"), ("health_check_interval", "0.2"), ("failover_threshold", "3"))).Location);
        Assert.Equal(0.2, (await MachineAsync(spine))["own"]!["health_check_interval"]!.GetValue<double>());

        var own = await user.GetAsync(path);
        Assert.Equal("0.2", own.One("#health_check_interval").GetAttribute("value"));
        Assert.NotNull(own.One("button[name=use_global]"));
        Assert.Equal(path, (await user.SendAsync(own, Form, ("use_global", "true"))).Location);
        Assert.True((await MachineAsync(spine))["use_global"]!.GetValue<bool>());
        Assert.Equal(HttpStatusCode.NotFound, (await user.GetAsync("/instances/999/failover-settings")).Status);
    }

    private static async Task<JsonNode> MachineAsync(SpineServer spine) =>
        Assert.Single((await spine.SendAsync("GET", "/failover/settings/machines")).Body!["machines"]!.AsArray())!;
}
