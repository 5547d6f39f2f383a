using System.Globalization;
using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Tests.Conformance;

/// <summary>Offers: the type of every documented field, and the whole grammar of a search.</summary>
[Trait("Suite", "Conformance")]
public sealed class VastOfferConformance(VastCloudFixture fixture) : IClassFixture<VastCloudFixture>
{
    [Theory]
    [InlineData("id ask_contract_id machine_id host_id num_gpus gpu_ram gpu_total_ram gpu_lanes compute_cap driver_vers cpu_ram has_avx direct_port_count", "int")]
    [InlineData("vericode hosting_type geolocode avail_vol_ask_id", "int")]
    [InlineData("bundle_id cpu_cores cluster_id nw_disk_min_bw nw_disk_max_bw nw_disk_avg_bw", "int|null")]
    [InlineData("bundled_results hostname webpage", "int|str|null")]
    [InlineData("gpu_name gpu_arch driver_version cpu_name cpu_arch disk_name public_ipaddr verification geolocation mobo_name os_version", "str")]
    [InlineData("time_remaining time_remaining_isbid logo resource_type", "str")]
    [InlineData("gpu_frac gpu_mem_bw gpu_max_power gpu_max_temp cuda_max_good cpu_cores_effective cpu_ghz disk_space disk_bw inet_up inet_down", "float")]
    [InlineData("inet_up_cost inet_down_cost internet_up_cost_per_tb internet_down_cost_per_tb dph_base dph_total dph_total_adj min_bid", "float")]
    [InlineData("storage_cost storage_total_cost vram_costperhour discounted_hourly discounted_dph_total credit_discount_max", "float")]
    [InlineData("dlperf dlperf_per_dphtotal total_flops flops_per_dphtotal score reliability reliability2 reliability_mult expected_reliability", "float")]
    [InlineData("start_date end_date duration pci_gen pcie_bw bw_nvlink rn avail_vol_size avail_vol_dph", "float")]
    [InlineData("static_ip is_vm_deverified vms_enabled rentable rented is_bid gpu_display_active", "bool")]
    [InlineData("external", "bool|null")]
    [InlineData("discount_rate", "float|null")]
    [InlineData("search instance", "obj")]
    [InlineData("gpu_ids", "list")]
    public void Offer_Field_HasItsType(string fields, string type)
    {
        foreach (var field in fields.Split(' '))
        {
            Assert.True(fixture.Offer.ContainsKey(field), $"{field} is missing");
            Assert.True(VastCloudFixture.IsOf(fixture.Offer[field], type), $"{field} is {fixture.Offer[field]?.ToJsonString() ?? "null"}, not {type}");
        }
    }

    [Theory]
    [InlineData("gpuCostPerHour")]
    [InlineData("diskHour")]
    [InlineData("totalHour")]
    [InlineData("discountTotalHour")]
    [InlineData("discountedTotalPerHour")]
    public void Offer_Price_HasTheKeysOfBothObjects(string key)
    {
        Assert.True(VastCloudFixture.IsOf(fixture.Offer["search"]![key], "float"));
        Assert.Equal(fixture.Offer["search"]![key]!.ToJsonString(), fixture.Offer["instance"]![key]!.ToJsonString());
    }

    [Fact]
    public void Offer_HasNoDatacenterKeyAndNoUnderscoreInItsGpu()
    {
        Assert.False(fixture.Offer.ContainsKey("datacenter"));
        Assert.DoesNotContain('_', fixture.Offer["gpu_name"]!.ToString());
    }

    [Fact]
    public void Offer_Prices_AddUpAsPublished()
    {
        var disk = fixture.Offer["storage_cost"]!.GetValue<double>() * 50 / 720;
        Assert.Equal(disk, fixture.Offer["storage_total_cost"]!.GetValue<double>(), 6);
        Assert.Equal(fixture.Offer["dph_base"]!.GetValue<double>() + disk, fixture.Offer["dph_total"]!.GetValue<double>(), 6);
        Assert.Equal(fixture.Offer["dph_total"]!.GetValue<double>(), fixture.Offer["search"]!["totalHour"]!.GetValue<double>(), 6);
    }

    [Theory]
    [InlineData("eq", "2", "2")]
    [InlineData("eq", "\"2\"", "2")]
    [InlineData("neq", "1", "2 4 8")]
    [InlineData("gt", "\"2\"", "4 8")]
    [InlineData("gte", "2", "2 4 8")]
    [InlineData("lt", "\"4\"", "1 2")]
    [InlineData("lte", "4.0", "1 2 4")]
    [InlineData("in", "[1,\"8\"]", "1 8")]
    [InlineData("notin", "[1,2]", "4 8")]
    public async Task Search_Operator_TakesNumbersAndText(string name, string operand, string found)
    {
        var seen = new SortedSet<int>();
        foreach (var direction in (string[])["asc", "desc"])
        {
            var offers = await fixture.Cloud.SearchAsync($$"""{"num_gpus":{"{{name}}":{{operand}} },"order":[["num_gpus","{{direction}}"]] }""");
            seen.UnionWith(offers.Select(offer => offer["num_gpus"]!.GetValue<int>()));
        }

        var expected = found.Split(' ').Select(number => int.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal((expected.Min(), expected.Max()), (seen.Min, seen.Max));
        Assert.Subset(expected.ToHashSet(), seen);
    }

    // name asked for, operator and operand, what a row must satisfy
    [Theory]
    [InlineData("verified", "{\"eq\":true}", "verification", "eq", "verified")]
    [InlineData("verified", "{\"eq\":\"false\"}", "verification", "neq", "verified")]
    [InlineData("datacenter", "{\"eq\":true}", "hosting_type", "eq", "1")]
    [InlineData("datacenter", "{\"eq\":false}", "hosting_type", "eq", "0")]
    [InlineData("geolocation", "{\"in\":[\"DE\"]}", "geolocation", "eq", "Germany, DE")]
    [InlineData("duration", "{\"gte\":\"8640000\"}", "duration", "gte", "8640000")]
    [InlineData("allocated_storage", "500", "disk_space", "gte", "500")]
    [InlineData("target_reliability", "0.995", "expected_reliability", "gte", "0.995")]
    [InlineData("reliability2", "{\"gt\":0.995}", "reliability", "gte", "0.995")]
    [InlineData("dphtotal", "{\"lt\":0.3}", "dph_total", "lte", "0.3")]
    [InlineData("dph", "{\"lt\":0.3}", "dph_total", "lte", "0.3")]
    [InlineData("gpu_totalram", "{\"gte\":\"160000\"}", "gpu_total_ram", "gte", "160000")]
    [InlineData("ubuntu_version", "{\"eq\":\"22.04\"}", "os_version", "eq", "22.04")]
    [InlineData("driver_version", "{\"gte\":\"570.0.0\"}", "driver_vers", "gte", "570000000")]
    [InlineData("cuda_vers", "{\"gte\":\"12.8\"}", "cuda_max_good", "gte", "12.8")]
    [InlineData("dlperf_usd", "{\"gte\":300}", "dlperf_per_dphtotal", "gte", "300")]
    [InlineData("flops_usd", "{\"gte\":200}", "flops_per_dphtotal", "gte", "200")]
    [InlineData("gpu_ram_GB", "{\"gte\":80}", "gpu_ram", "gte", "80000")]
    [InlineData("gpu_total_ram_GB", "{\"gte\":160}", "gpu_total_ram", "gte", "160000")]
    [InlineData("cpu_ram_GB", "{\"gte\":256}", "cpu_ram", "gte", "256000")]
    [InlineData("rented", "{\"eq\":true}", "rented", "eq", "true")]
    [InlineData("gpu_name", "\"RTX 4090\"", "gpu_name", "eq", "RTX 4090")]
    [InlineData("gpu_name", "[\"RTX 4090\"]", "gpu_name", "eq", "RTX 4090")]
    public async Task Search_VirtualFieldOrAlias_MeansWhatItStandsFor(string name, string operand, string field, string relation, string value)
    {
        var offers = await fixture.Cloud.SearchAsync($$"""{"{{name}}":{{operand}} }""");

        Assert.NotEmpty(offers);
        Assert.All(offers, offer => Assert.True(Holds(offer[field]!, relation, value), $"{field} is {offer[field]}"));
    }

    [Theory]
    [InlineData("on-demand", false)]
    [InlineData("ondemand", false)]
    [InlineData("bid", true)]
    public async Task Search_Type_GivesThePriceOfThatKind(string type, bool isBid)
    {
        var offer = (await fixture.Cloud.SearchAsync($$"""{"type":"{{type}}","gpu_name":{"eq":"RTX 4090"},"rentable":{"eq":true} }"""))[0];

        Assert.Equal(isBid, offer["is_bid"]!.GetValue<bool>());
        Assert.Equal(isBid, offer["dph_base"]!.GetValue<double>() == offer["min_bid"]!.GetValue<double>());
    }

    [Fact]
    public async Task Search_ReservedOffers_AreLeftOut() =>
        Assert.Equal(501, (await fixture.Cloud.SendAsync("POST", "/api/v0/bundles/", """{"type":"reserved"}""")).Status);

    [Theory]
    [InlineData("POST", "/api/v0/bundles/", "Q")]
    [InlineData("PUT", "/api/v0/search/asks/", "{\"select_cols\":[\"*\"],\"q\":Q}")]
    [InlineData("GET", "/api/v0/bundles?q=", null)]
    public async Task Search_AnyForm_FindsTheSame(string method, string path, string? body)
    {
        const string query = """{"gpu_name":{"eq":"RTX 4090"},"num_gpus":{"eq":"1"},"order":[["id","asc"]],"limit":3}""";
        var answer = await fixture.Cloud.SendAsync(method, body is null ? path + Uri.EscapeDataString(query) : path, body?.Replace("Q", query, StringComparison.Ordinal));

        var expected = (await fixture.Cloud.SearchAsync(query)).Select(offer => offer["id"]!.GetValue<long>());
        Assert.Equal(expected, answer.Json["offers"]!.AsArray().Select(offer => offer!["id"]!.GetValue<long>()));
    }

    [Theory]
    [InlineData("""{"limit":1000}""", 64)]
    [InlineData("""{"limit":"7"}""", 7)]
    [InlineData("{}", 64)]
    public async Task Search_Limit_IsAtMost64(string query, int count) => Assert.Equal(count, (await fixture.Cloud.SearchAsync(query)).Count);

    [Fact]
    public async Task Search_WithoutOrder_IsByScoreDown()
    {
        var scores = (await fixture.Cloud.SearchAsync("{}")).Select(offer => offer["score"]!.GetValue<double>()).ToArray();

        Assert.Equal(scores.OrderDescending(), scores);
    }

    [Theory]
    [InlineData("""{"colour":{"eq":1}}""")]
    [InlineData("""{"num_gpus":{"like":1}}""")]
    [InlineData("""{"order":[["colour","asc"]]}""")]
    [InlineData("""{"order":"score"}""")]
    [InlineData("""{"type":"gift"}""")]
    [InlineData("""{"limit":"many"}""")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"limit":1,"limit":2}""")]
    public async Task Search_BadQuery_Is400InvalidRequest(string query)
    {
        var answer = await fixture.Cloud.SendAsync("POST", "/api/v0/bundles/", query);

        Assert.Equal((400, "invalid_request"), (answer.Status, answer.Json["error"]!.ToString()));
        Assert.True(answer.Json["msg"]!.ToString().Length > 0);
    }

    [Fact]
    public async Task GpuLists_AreInTheirForms()
    {
        var names = (await fixture.Cloud.SendAsync("GET", "/api/v0/gpu_names/unique/")).Json["gpu_names"]!.AsArray();
        var types = (await fixture.Cloud.SendAsync("GET", "/api/v0/gpu_types/")).Json["gpu_types"]!.AsArray();

        Assert.Contains("RTX 4090", names.Select(name => name!.ToString()));
        Assert.All(types, type => Assert.True(type!["canonical_name"] is not null && VastCloudFixture.IsOf(type["gpu_ram_mb"], "int")));
    }

    private static bool Holds(JsonNode node, string relation, string value) => relation switch
    {
        "eq" => node.ToString() == value,
        "neq" => node.ToString() != value,
        "gte" => node.GetValue<double>() >= double.Parse(value, CultureInfo.InvariantCulture),
        "lte" => node.GetValue<double>() <= double.Parse(value, CultureInfo.InvariantCulture),
        _ => throw new ArgumentOutOfRangeException(nameof(relation)),
    };
}
